//! The network of another process: its loopback, on which its inspector listens.

use std::fs::File;
use std::io;

/// The calling thread is in the network of another process until [`Entered::leave`].
#[derive(Debug)]
pub struct Entered {
    own: File,
}

/// Moves the calling thread into the network of process `pid`; sockets that it opens from then on are there.
///
/// # Errors
/// Where the process is gone, or this one may not: it takes `CAP_SYS_ADMIN`.
#[cfg(target_os = "linux")]
pub fn enter_network(pid: u32) -> io::Result<Entered> {
    let own = File::open("/proc/thread-self/ns/net")?;
    set(&File::open(format!("/proc/{pid}/ns/net"))?)?;
    Ok(Entered { own })
}

/// Only Linux has these namespaces.
///
/// # Errors
/// Always, on this platform.
#[cfg(not(target_os = "linux"))]
pub fn enter_network(_: u32) -> io::Result<Entered> {
    Err(io::ErrorKind::Unsupported.into())
}

impl Entered {
    /// Moves the calling thread back; sockets that are open stay where they are.
    ///
    /// # Errors
    /// As `setns(2)`.
    pub fn leave(self) -> io::Result<()> {
        set(&self.own)
    }
}

#[cfg(target_os = "linux")]
fn set(namespace: &File) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    // SAFETY: an open descriptor; the call changes the calling thread alone.
    match unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(not(target_os = "linux"))]
fn set(_: &File) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
