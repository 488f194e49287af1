//! How soon the allocator gives freed memory back to the system. It keeps it for a second as a rule, in
//! which a run frees and takes a few hundred megabytes: with room for that it is the fastest, and
//! under a small limit it is what breaks the limit.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use bytesize::ByteSize;

/// Limits from here on have room for what the allocator keeps.
const ROOM: ByteSize = ByteSize::gib(1);

/// Where the allocator finds, when a process starts, how many milliseconds it keeps freed memory.
const VARIABLE: &str = "MIMALLOC_PURGE_DELAY";

/// Measured under 512 MiB: a third less memory than with a second, for a seventh more processor time.
const MILLISECONDS: &str = "100";

/// Starts the program again in this process if the limit is small: the allocator's settings hold from
/// the start. Whoever has set them keeps them. Comes back if all is well as it is, or it cannot be done.
pub(crate) fn keep_little_under(limit: ByteSize) {
    if ROOM <= limit || std::env::var_os(VARIABLE).is_some() {
        return;
    }
    let Ok(program) = std::env::current_exe() else {
        return;
    };
    let mut arguments = std::env::args_os();
    let mut command = Command::new(program);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    let error = command.args(arguments).env(VARIABLE, MILLISECONDS).exec();
    tracing::debug!(%error, "memory is given back after a second, as a rule");
}
