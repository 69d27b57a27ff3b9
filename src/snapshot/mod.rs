//! Taking heap snapshots: room, files, retention, fork.
//!
//! A [`session::Session`] is one attempt: it holds the turn of the process and the lock of the
//! directory, checks cooldown and room, and owns the unfinished file. A [`job::Job`] runs a session
//! on a thread of its own and asks the isolate's thread only for what must happen there.

pub mod converter;
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
    //! What several tests of snapshots need.

    use std::path::PathBuf;

    #[cfg(target_os = "linux")]
    use super::{
        name::Compression,
        room::Heap,
        session::{Method, Request},
    };

    /// A directory for one test.
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

    /// The cooldown of [`request`], in milliseconds.
    #[cfg(target_os = "linux")]
    pub const HOUR: u64 = 3_600_000;

    /// A request of the application `app`, for a snapshot of a small heap.
    #[cfg(target_os = "linux")]
    pub fn request(dir: PathBuf) -> Request {
        Request {
            dir,
            app: "app".into(),
            reason: "leak".into(),
            thread: 0,
            max_files: 3,
            max_bytes: 1 << 30,
            cooldown_ms: HOUR,
            method: Method::Auto,
            compression: Compression::None,
            heap: Heap { used: 1000, total: 1000 },
            headroom: None,
            nice: 0,
            patience: None,
            redact: false,
            core: false,
            converter: super::converter::Program::default(),
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
