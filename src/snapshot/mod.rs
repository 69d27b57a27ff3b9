//! Taking heap snapshots: room, files, retention, fork.
//!
//! A [`session::Session`] is one attempt: it holds the turn of the process and the lock of the
//! directory, checks cooldown and room, and owns the unfinished file. A [`job::Job`] runs a session
//! on a thread of its own and asks the isolate's thread only for what must happen there.

pub mod directory;
pub mod emergency;
pub mod error;
pub mod fork;
pub mod image;
pub mod job;
pub mod name;
pub mod output;
pub mod process;
pub mod redaction;
pub mod room;
pub mod session;
#[cfg(target_os = "linux")]
#[cfg(test)]
mod sim;
pub mod state;
pub mod store;

#[cfg(test)]
mod testing {
    //! A directory for one test.

    use std::path::PathBuf;

    pub struct TempDir(pub PathBuf);

    impl TempDir {
        pub fn new(name: &str) -> Self {
            let dir = std::env::temp_dir().join(format!("plimsoll-{name}-{}", std::process::id()));
            let _ = std::fs::remove_dir_all(&dir);
            std::fs::create_dir_all(&dir).unwrap();
            Self(dir)
        }
    }

    impl Drop for TempDir {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    /// Runs the test `name` once more in a process of its own, after these commands of a shell. True in that process.
    #[cfg(target_os = "linux")]
    pub fn is_alone(name: &str, before: &str) -> bool {
        const MARK: &str = "TEST_IS_ALONE";
        if std::env::var_os(MARK).is_some() {
            return true;
        }
        let script = format!("{before}\nexec \"$0\" --exact \"$1\" --test-threads 1");
        let program = std::env::current_exe().unwrap();
        let mut shell = std::process::Command::new("sh");
        let shell = shell.args(["-c", &script]).arg(program).arg(name).env(MARK, "1");
        let out = shell.output().unwrap();
        let said = [out.stdout, out.stderr].concat();
        assert!(out.status.success(), "{before}: {}", String::from_utf8_lossy(&said));
        false
    }
}
