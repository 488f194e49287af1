/* Stands between a program and its disk: fails or kills at the n-th step, or tells every step.
 *
 *   FAULT_ROOTS   parts of paths that are looked at, separated by colons
 *   FAULT_FOLDERS parts of paths of folders whose syncs are looked at as well
 *   FAULT_STEPS   kinds of steps that count, separated by commas: open read write sync rename link
 *                 symlink remove folder truncate
 *   FAULT_MODE    fail (only the n-th, with FAULT_ERROR), full (the n-th write and every later one has
 *                 no space), before or after (killed there), tell (nothing happens)
 *   FAULT_AT      n, from 1
 *   FAULT_ERROR   number of the error
 *   FAULT_LOG     file to which a line is added: in the mode `tell` for each step, else for the n-th
 *
 * Compiled by the test that uses it: cc -shared -fPIC -O1 -o shim.so shim.c -ldl
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum mode { OFF, FAIL, FULL, BEFORE, AFTER, TELL };

static enum mode mode;
static long at, error_number;
static char roots[512], folders[256], steps[256], log_path[512];
static atomic_long count;
static atomic_int is_full;

#define FDS 65536
static atomic_char watched[FDS];

static void copy_env(const char *name, char *to, size_t size) {
    const char *value = getenv(name);
    snprintf(to, size, "%s", value ? value : "");
}

__attribute__((constructor)) static void begin(void) {
    const char *name = getenv("FAULT_MODE");
    if (!name) return;
    copy_env("FAULT_ROOTS", roots, sizeof roots);
    copy_env("FAULT_FOLDERS", folders, sizeof folders);
    copy_env("FAULT_STEPS", steps, sizeof steps);
    copy_env("FAULT_LOG", log_path, sizeof log_path);
    at = getenv("FAULT_AT") ? atol(getenv("FAULT_AT")) : 0;
    error_number = getenv("FAULT_ERROR") ? atol(getenv("FAULT_ERROR")) : EIO;
    mode = !strcmp(name, "fail") ? FAIL : !strcmp(name, "full") ? FULL
         : !strcmp(name, "before") ? BEFORE : !strcmp(name, "after") ? AFTER
         : !strcmp(name, "tell") ? TELL : OFF;
}

/* Whether a list has a word, or a path one of the parts. */
static int has(const char *list, char separator, const char *text, int whole) {
    for (const char *from = list; *from;) {
        const char *end = strchr(from, separator);
        size_t length = end ? (size_t)(end - from) : strlen(from);
        char part[256];
        if (length && length < sizeof part) {
            memcpy(part, from, length);
            part[length] = 0;
            if (whole ? !strcmp(part, text) : strstr(text, part) != NULL) return 1;
        }
        from = end ? end + 1 : from + length;
    }
    return 0;
}

static int is_watched_path(const char *path) { return mode && path && has(roots, ':', path, 0); }
static int is_watched(int fd) { return mode && fd >= 0 && fd < FDS && watched[fd]; }

static void tell(long number, const char *step, const char *path, const char *to) {
    char line[2200];
    int length = snprintf(line, sizeof line, "%ld\t%s\t%s\t%s\n", number, step, path, to ? to : "");
    int fd = (int)syscall(SYS_openat, AT_FDCWD, log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) return;
    if (length > (int)sizeof line) length = sizeof line;
    if (syscall(SYS_write, fd, line, length) < 0) { /* nobody to tell */ }
    syscall(SYS_close, fd);
}

static void die(void) {
    syscall(SYS_kill, (int)syscall(SYS_getpid), SIGKILL);
    for (;;) pause();
}

/* Before a step: 1 if it must fail (errno is set). `number` is its own, 0 if it does not count. */
static int step_begins(const char *step, const char *path, const char *to, long *number) {
    *number = 0;
    if (mode == FULL) {
        int takes_space = !strcmp(step, "write") || !strcmp(step, "folder") || !strcmp(step, "link")
                       || !strcmp(step, "symlink") || !strcmp(step, "create");
        if (!takes_space) return 0;
        long now = atomic_fetch_add(&count, 1) + 1;
        if (now == at) { atomic_store(&is_full, 1); tell(now, step, path, to); }
        if (!atomic_load(&is_full)) return 0;
        errno = ENOSPC;
        return 1;
    }
    const char *kind = !strcmp(step, "create") ? "open" : !strcmp(step, "syncfs") ? "sync" : step;
    if (!has(steps, ',', kind, 1)) return 0;
    long now = *number = atomic_fetch_add(&count, 1) + 1;
    if (mode == TELL) { tell(now, step, path, to); return 0; }
    if (now != at) return 0;
    tell(now, step, path, to);
    if (mode == BEFORE) die();
    if (mode == FAIL) { errno = (int)error_number; return 1; }
    return 0;
}

static void step_ends(long number) {
    if (mode == AFTER && number && number == at) die();
}

static const char *path_of(int fd, char *path, size_t size) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, path, size - 1);
    path[length > 0 ? length : 0] = 0;
    return path;
}

/* Whether it is a folder that is looked at for its syncs alone. */
static int is_watched_folder(int fd) {
    struct stat state;
    char path[1024];
    if (!mode || !folders[0] || fstat(fd, &state) || !S_ISDIR(state.st_mode)) return 0;
    return has(folders, ':', path_of(fd, path, sizeof path), 0);
}

#define NEXT(name) \
    static __typeof__(name) *next_##name; \
    if (!next_##name) next_##name = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

#define PATH_STEP(watch, step, path, to, call) do { \
    if (!(watch)) return call; \
    long number; \
    if (step_begins(step, path, to, &number)) return -1; \
    int result = call; \
    int saved = errno; \
    step_ends(number); \
    errno = saved; \
    return result; \
} while (0)

#define FD_STEP(fd, step, type, call) FD_STEP_IF(is_watched(fd), fd, step, type, call)
#define FD_STEP_IF(watch, fd, step, type, call) do { \
    if (!(watch)) return call; \
    char path[1024]; \
    long number; \
    if (step_begins(step, path_of(fd, path, sizeof path), NULL, &number)) return -1; \
    type result = call; \
    int saved = errno; \
    step_ends(number); \
    errno = saved; \
    return result; \
} while (0)

static int open_step(int dir, const char *path, int flags, mode_t rights) {
    char full[2100];
    int from_dir = dir != AT_FDCWD && path[0] != '/' && is_watched(dir);
    if (from_dir) {
        char folder[1024];
        snprintf(full, sizeof full, "%s/%s", path_of(dir, folder, sizeof folder), path);
    } else {
        snprintf(full, sizeof full, "%s", path);
    }
    int watch = from_dir || is_watched_path(full);
    long number = 0;
    if (watch && step_begins(flags & O_CREAT ? "create" : "open", full, NULL, &number)) return -1;
    int fd = (int)syscall(SYS_openat, dir, path, flags, rights);
    int saved = errno;
    if (watch && fd >= 0 && fd < FDS) watched[fd] = 1;
    if (watch) step_ends(number);
    errno = saved;
    return fd;
}

#define RIGHTS(flags) \
    mode_t rights = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { va_list rest; va_start(rest, flags); rights = va_arg(rest, mode_t); va_end(rest); }

int open(const char *path, int flags, ...) { RIGHTS(flags) return open_step(AT_FDCWD, path, flags, rights); }
int open64(const char *path, int flags, ...) { RIGHTS(flags) return open_step(AT_FDCWD, path, flags | O_LARGEFILE, rights); }
int openat(int dir, const char *path, int flags, ...) { RIGHTS(flags) return open_step(dir, path, flags, rights); }
int openat64(int dir, const char *path, int flags, ...) { RIGHTS(flags) return open_step(dir, path, flags | O_LARGEFILE, rights); }

int close(int fd) {
    NEXT(close);
    if (fd >= 0 && fd < FDS) watched[fd] = 0;
    return next_close(fd);
}

ssize_t read(int fd, void *to, size_t n) { NEXT(read); FD_STEP(fd, "read", ssize_t, next_read(fd, to, n)); }
ssize_t pread64(int fd, void *to, size_t n, off64_t place) { NEXT(pread64); FD_STEP(fd, "read", ssize_t, next_pread64(fd, to, n, place)); }
ssize_t readv(int fd, const struct iovec *to, int n) { NEXT(readv); FD_STEP(fd, "read", ssize_t, next_readv(fd, to, n)); }
ssize_t write(int fd, const void *from, size_t n) { NEXT(write); FD_STEP(fd, "write", ssize_t, next_write(fd, from, n)); }
ssize_t pwrite64(int fd, const void *from, size_t n, off64_t place) { NEXT(pwrite64); FD_STEP(fd, "write", ssize_t, next_pwrite64(fd, from, n, place)); }
ssize_t writev(int fd, const struct iovec *from, int n) { NEXT(writev); FD_STEP(fd, "write", ssize_t, next_writev(fd, from, n)); }
ssize_t copy_file_range(int in, off64_t *from, int fd, off64_t *to, size_t n, unsigned flags) { NEXT(copy_file_range); FD_STEP(fd, "write", ssize_t, next_copy_file_range(in, from, fd, to, n, flags)); }
int fsync(int fd) { NEXT(fsync); FD_STEP_IF(is_watched(fd) || is_watched_folder(fd), fd, "sync", int, next_fsync(fd)); }
int syncfs(int fd) { NEXT(syncfs); FD_STEP(fd, "syncfs", int, next_syncfs(fd)); }
int fdatasync(int fd) { NEXT(fdatasync); FD_STEP(fd, "sync", int, next_fdatasync(fd)); }
int ftruncate64(int fd, off64_t n) { NEXT(ftruncate64); FD_STEP(fd, "truncate", int, next_ftruncate64(fd, n)); }
int rename(const char *a, const char *b) { NEXT(rename); PATH_STEP(is_watched_path(a) || is_watched_path(b), "rename", a, b, next_rename(a, b)); }
int link(const char *a, const char *b) { NEXT(link); PATH_STEP(is_watched_path(a) || is_watched_path(b), "link", a, b, next_link(a, b)); }
int linkat(int ad, const char *a, int bd, const char *b, int flags) { NEXT(linkat); PATH_STEP(is_watched_path(a) || is_watched_path(b), "link", a, b, next_linkat(ad, a, bd, b, flags)); }
int symlink(const char *a, const char *b) { NEXT(symlink); PATH_STEP(is_watched_path(b), "symlink", b, a, next_symlink(a, b)); }
int unlink(const char *a) { NEXT(unlink); PATH_STEP(is_watched_path(a), "remove", a, NULL, next_unlink(a)); }
int unlinkat(int dir, const char *a, int flags) { NEXT(unlinkat); PATH_STEP(is_watched(dir) || is_watched_path(a), "remove", a, NULL, next_unlinkat(dir, a, flags)); }
int rmdir(const char *a) { NEXT(rmdir); PATH_STEP(is_watched_path(a), "remove", a, NULL, next_rmdir(a)); }
int mkdir(const char *a, mode_t rights) { NEXT(mkdir); PATH_STEP(is_watched_path(a), "folder", a, NULL, next_mkdir(a, rights)); }
