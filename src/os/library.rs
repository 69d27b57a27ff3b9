//! This shared library in the running process.

/// Keeps this library mapped for ever: Node calls dlclose when the environment that loaded an
/// addon ends (a worker thread, say), while a thread of ours would still be running its code.
pub fn pin() {
    // Under Miri nothing is a library.
    #[cfg(all(unix, not(miri)))]
    {
        // SAFETY: Dl_info is plain data, for which all zeroes is a value.
        let mut info: libc::Dl_info = unsafe { std::mem::zeroed() };
        // SAFETY: the address is that of a function of ours, `info` outlives the call.
        let found = unsafe { libc::dladdr(pin as fn() as *const _, &raw mut info) };
        if found != 0 && !info.dli_fname.is_null() {
            let flags = libc::RTLD_NOW | libc::RTLD_NOLOAD | libc::RTLD_NODELETE;
            // SAFETY: dladdr gave a NUL-terminated name. The library is already loaded, so no
            // initialiser runs; the handle is leaked on purpose.
            unsafe { libc::dlopen(info.dli_fname, flags) };
        }
    }
}
