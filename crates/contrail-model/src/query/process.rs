//! What the query child asks of the operating system: limits on itself, and an end without ceremony.

/// Limits this process's data segment and forbids it to write files or leave a core behind. Where the system does not
/// know a limit, DuckDB's own stay.
pub(super) fn limit(data: u64) {
    let set = |resource, value: u64| {
        let limit = libc::rlimit { rlim_cur: value as libc::rlim_t, rlim_max: value as libc::rlim_t };
        // SAFETY: a valid struct, and a resource by name.
        unsafe { libc::setrlimit(resource, &limit) }
    };
    // SAFETY: ignoring a signal; without this, a write beyond the limit would end the process instead of failing.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    for (name, outcome) in [
        ("data", set(libc::RLIMIT_DATA, data)),
        ("file size", set(libc::RLIMIT_FSIZE, 0)),
        ("core", set(libc::RLIMIT_CORE, 0)),
    ] {
        if outcome != 0 {
            eprintln!("query process: no limit on {name}: {}", std::io::Error::last_os_error());
        }
    }
}

/// Ends the process at once: closing a DuckDB that has gone wrong can throw through the C API.
pub(super) fn exit_now(code: i32) -> ! {
    // SAFETY: ends the process and returns to nobody.
    unsafe { libc::_exit(code) }
}
