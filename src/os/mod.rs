//! What the operating system says: procfs and cgroups.
//!
//! Linux gives all of it; elsewhere each reader answers `None` and the JS side supplies what Node
//! knows (`process.memoryUsage.rss()`, `os.freemem()`).

pub mod cgroup;
pub mod library;
pub mod limits;
pub mod lock;
pub mod malloc;
pub mod memory;
pub mod namespace;
pub mod process;
pub mod pseudo_file;
#[cfg(target_os = "linux")]
#[cfg(test)]
pub mod sim;
pub mod system;
pub mod tether;
pub mod thread;
