//! The series, the tests and the verdict.
