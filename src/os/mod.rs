//! What the operating system says: procfs and cgroups.
