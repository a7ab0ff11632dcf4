//! Takes everything away from this process but the files it has open: for workers that read foreign bytes.

use std::collections::BTreeMap;

use rustix::process::{Resource, Rlimit, Signal};
use rustix::thread::{Gid, Uid};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

/// What the process may still have.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// uid = gid to become; none stays who it is (a caller without root).
    pub user: Option<u32>,
    /// Address space, in bytes.
    pub memory_bytes: u64,
    /// Processor time, in seconds.
    pub cpu_seconds: u64,
}

/// Why the process could not be confined. It must not go on then.
#[derive(Debug, thiserror::Error)]
pub enum ConfineError {
    /// The kernel refused.
    #[error("this process could not give up {what}: {source}")]
    Kernel {
        /// What it holds too much of.
        what: &'static str,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// The filter of system calls cannot be made or set.
    #[error("this process could not give up its system calls: {0}")]
    Filter(String),
}

/// Gives up user, memory, processor time, new files, and every system call but those that read and write what is
/// open and manage its own memory. Without `openat` there is no file system, without `socket` no network, without
/// `execve` and `clone` no other program. Call while the process has one thread.
///
/// # Errors
/// [`ConfineError`].
pub fn enter(bounds: &Bounds) -> Result<(), ConfineError> {
    if let Some(id) = bounds.user {
        become_user(id)?;
    }
    // After the change of user, which clears it: nobody reads what this process would write.
    kernel(
        "its life after its parent's",
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL)),
    )?;
    kernel("new privileges", rustix::thread::set_no_new_privs(true))?;
    for (resource, most) in [
        (Resource::As, bounds.memory_bytes),
        (Resource::Cpu, bounds.cpu_seconds),
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Nofile, 0),
        (Resource::Nproc, 0),
    ] {
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        kernel("resources", rustix::process::setrlimit(resource, limit))?;
    }
    let filter = filter().map_err(|error| ConfineError::Filter(error.to_string()))?;
    seccompiler::apply_filter(&filter).map_err(|error| ConfineError::Filter(error.to_string()))
}

fn become_user(id: u32) -> Result<(), ConfineError> {
    let (uid, gid) = (Uid::from_raw(id), Gid::from_raw(id));
    kernel("its groups", rustix::thread::set_thread_groups(&[]))?;
    kernel(
        "its group",
        rustix::thread::set_thread_res_gid(gid, gid, gid),
    )?;
    // From root to another user in all three ids: the kernel takes every capability away, too (capabilities(7)).
    kernel(
        "its user",
        rustix::thread::set_thread_res_uid(uid, uid, uid),
    )
}

fn kernel(what: &'static str, done: rustix::io::Result<()>) -> Result<(), ConfineError> {
    done.map_err(|error| ConfineError::Kernel {
        what,
        source: error.into(),
    })
}

fn filter() -> Result<BpfProgram, seccompiler::BackendError> {
    // What allocation, reading, writing, panicking and ending need; found by running, and each harmless by itself.
    const PLAIN: [libc::c_long; 24] = [
        libc::SYS_read,
        libc::SYS_write,
        libc::SYS_writev,
        libc::SYS_close,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_brk,
        libc::SYS_madvise,
        libc::SYS_futex,
        libc::SYS_sigaltstack,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigreturn,
        libc::SYS_restart_syscall,
        libc::SYS_getpid,
        libc::SYS_gettid,
        libc::SYS_tgkill,
        libc::SYS_sched_yield,
        libc::SYS_clock_gettime,
        libc::SYS_getrandom,
        libc::SYS_fstat,
        libc::SYS_lseek,
        libc::SYS_exit,
        libc::SYS_exit_group,
    ];
    // Memory that can be run is never made.
    let not_executable = SeccompRule::new(vec![SeccompCondition::new(
        2,
        SeccompCmpArgLen::Dword,
        SeccompCmpOp::MaskedEq(u64::from(libc::PROT_EXEC.unsigned_abs())),
        0,
    )?])?;
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        PLAIN.into_iter().map(|call| (call, Vec::new())).collect();
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        rules.insert(call, vec![not_executable.clone()]);
    }
    // The standard library looks whether a file is really open before it closes it.
    let looks_at_flags = SeccompRule::new(vec![SeccompCondition::new(
        1,
        SeccompCmpArgLen::Dword,
        SeccompCmpOp::Eq,
        u64::from(libc::F_GETFD.unsigned_abs()),
    )?])?;
    rules.insert(libc::SYS_fcntl, vec![looks_at_flags]);
    SeccompFilter::new(
        rules,
        SeccompAction::KillProcess,
        SeccompAction::Allow,
        std::env::consts::ARCH.try_into()?,
    )?
    .try_into()
}
