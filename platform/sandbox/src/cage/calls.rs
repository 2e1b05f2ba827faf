//! seccomp: the system calls that ffmpeg and ffprobe need. All others don't exist for them.
//!
//! A call that is not listed fails with `ENOSYS` instead of ending the tool, because the C library tries new calls first and
//! falls back to older ones: from `clone3`, whose flags a filter can't see, to `clone`, which is allowed for threads only.

use libc::c_long;
use rustix::process::getpid;
use seccompiler::SeccompCmpArgLen::{Dword, Qword};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, apply_filter,
};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::io;

/// Calls that are allowed with any arguments. Landlock and the tool's own root bound what the paths reach; `execve` is the
/// last step of this process itself.
const ALLOWED: &[c_long] = &[
    // files
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_preadv,
    libc::SYS_pwritev,
    libc::SYS_lseek,
    libc::SYS_close,
    libc::SYS_openat,
    libc::SYS_newfstatat,
    libc::SYS_fstat,
    libc::SYS_statx,
    libc::SYS_statfs,
    libc::SYS_fstatfs,
    libc::SYS_getdents64,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlinkat,
    libc::SYS_getcwd,
    libc::SYS_chdir,
    libc::SYS_fchdir,
    libc::SYS_unlinkat,
    libc::SYS_renameat2,
    libc::SYS_ftruncate,
    libc::SYS_fcntl,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_pipe2,
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    libc::SYS_fadvise64,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    // memory
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_mlock,
    libc::SYS_munlock,
    libc::SYS_get_mempolicy,
    libc::SYS_set_mempolicy,
    libc::SYS_membarrier,
    // threads
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_get_robust_list,
    libc::SYS_rseq,
    libc::SYS_set_tid_address,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_sched_getparam,
    libc::SYS_sched_getscheduler,
    libc::SYS_sched_get_priority_max,
    libc::SYS_sched_get_priority_min,
    libc::SYS_getpriority,
    libc::SYS_getcpu,
    // time
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getrusage,
    libc::SYS_times,
    // facts
    libc::SYS_sysinfo,
    libc::SYS_uname,
    libc::SYS_getrandom,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_getppid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    // signals to itself, and its end
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_execve,
];

/// Older forms that other architectures don't have.
#[cfg(target_arch = "x86_64")]
const OLDER: &[c_long] = &[
    libc::SYS_access,
    libc::SYS_open,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_poll,
    libc::SYS_select,
    libc::SYS_readlink,
    libc::SYS_unlink,
    libc::SYS_rename,
    libc::SYS_arch_prctl,
    libc::SYS_dup2,
    libc::SYS_time,
    libc::SYS_pipe,
    libc::SYS_getpgrp,
];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[c_long] = &[];

/// Puts the filter in force for this process and those that it becomes or starts.
pub(crate) fn enforce() -> io::Result<()> {
    apply_filter(&filter()?).map_err(failed)
}

fn filter() -> io::Result<BpfProgram> {
    let mut rules: BTreeMap<c_long, Vec<SeccompRule>> = BTreeMap::new();
    for &call in ALLOWED.iter().chain(OLDER) {
        rules.insert(call, Vec::new());
    }
    let is = |argument: u8, value: u64| SeccompCondition::new(argument, Dword, SeccompCmpOp::Eq, value);
    let thread = u64::from(libc::CLONE_THREAD.unsigned_abs());
    let is_thread = SeccompCondition::new(0, Qword, SeccompCmpOp::MaskedEq(thread), thread);
    // The process keeps its id when it becomes the tool.
    let own = u64::from(getpid().as_raw_nonzero().get().unsigned_abs());
    let no_new_value = SeccompCondition::new(2, Qword, SeccompCmpOp::Eq, 0);
    let mut conditional = |call: c_long, alternatives: Vec<Vec<Result<SeccompCondition, _>>>| -> io::Result<()> {
        let mut list = Vec::new();
        for conditions in alternatives {
            let conditions: Result<Vec<_>, _> = conditions.into_iter().collect();
            list.push(SeccompRule::new(conditions.map_err(failed)?).map_err(failed)?);
        }
        rules.insert(call, list);
        Ok(())
    };
    conditional(libc::SYS_clone, vec![vec![is_thread]])?;
    conditional(libc::SYS_kill, vec![vec![is(0, own)]])?;
    conditional(libc::SYS_tgkill, vec![vec![is(0, own)]])?;
    conditional(libc::SYS_prlimit64, vec![vec![is(0, 0), no_new_value]])?;
    let names = [libc::PR_SET_NAME, libc::PR_GET_NAME];
    conditional(
        libc::SYS_prctl,
        names.map(|name| vec![is(0, u64::from(name.unsigned_abs()))]).into(),
    )?;
    let terminal = [libc::TCGETS, libc::FIONREAD, libc::TIOCGWINSZ];
    conditional(libc::SYS_ioctl, terminal.map(|request| vec![is(1, request)]).into())?;
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Errno(libc::ENOSYS.unsigned_abs()),
        SeccompAction::Allow,
        std::env::consts::ARCH.try_into().map_err(failed)?,
    );
    filter.map_err(failed)?.try_into().map_err(failed)
}

fn failed(error: impl Display) -> io::Error {
    io::Error::other(format!("seccomp: {error}"))
}
