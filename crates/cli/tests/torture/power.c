/* Writes down what a program does to a folder, in order, so that a power cut can be played back.
 *
 *   POWER_ROOT    the folder, an absolute path
 *   POWER_LOG     file to which a line is added for each step: kind, path, second path, with tabs
 *   POWER_KEPT    folder into which each file is copied as it is when it is synced
 *
 * Kinds: create, folder, rename, link, symlink, remove, sync. Of a sync of a file the second path is the
 * copy. Compiled by the test that uses it: cc -shared -fPIC -O1 -o power.so power.c -ldl
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#define PATH_BYTES 4096

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *root, *log_path, *kept;
static long n_kept;

__attribute__((constructor)) static void begin(void) {
    root = getenv("POWER_ROOT");
    log_path = getenv("POWER_LOG");
    kept = getenv("POWER_KEPT");
}

static int is_inside(const char *path) {
    return root && log_path && kept && !strncmp(path, root, strlen(root));
}

static void path_of(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, path, PATH_BYTES - 1);
    path[length > 0 ? length : 0] = 0;
}

static void absolute(int dir, const char *path, char *to) {
    char from[PATH_BYTES] = "";
    if (path[0] == '/') {
        snprintf(to, 2 * PATH_BYTES, "%s", path);
        return;
    }
    if (dir != AT_FDCWD) path_of(dir, from);
    else if (!getcwd(from, sizeof from)) from[0] = 0;
    snprintf(to, 2 * PATH_BYTES, "%s/%s", from, path);
}

static void tell(const char *step, const char *path, const char *to) {
    char line[6 * PATH_BYTES];
    int length = snprintf(line, sizeof line, "%s\t%s\t%s\n", step, path, to ? to : "");
    int fd = (int)syscall(SYS_openat, AT_FDCWD, log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) return;
    if (syscall(SYS_write, fd, line, (size_t)length) < 0) { /* nobody to tell */ }
    syscall(SYS_close, fd);
}

#define NEXT(name) \
    static __typeof__(name) *next_##name; \
    if (!next_##name) next_##name = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

static int open_step(int dir, const char *path, int flags, mode_t rights) {
    char full[2 * PATH_BYTES];
    absolute(dir, path, full);
    if (!(flags & O_CREAT) || !is_inside(full)) return (int)syscall(SYS_openat, dir, path, flags, rights);
    pthread_mutex_lock(&lock);
    struct stat state;
    int is_there = !lstat(full, &state);
    int fd = (int)syscall(SYS_openat, dir, path, flags, rights);
    int saved = errno;
    if (fd >= 0 && !is_there) tell("create", full, NULL);
    pthread_mutex_unlock(&lock);
    errno = saved;
    return fd;
}

#define RIGHTS(flags) \
    mode_t rights = 0; \
    if ((flags) & O_CREAT) { va_list rest; va_start(rest, flags); rights = va_arg(rest, mode_t); va_end(rest); }

int open(const char *path, int flags, ...) { RIGHTS(flags) return open_step(AT_FDCWD, path, flags, rights); }
int open64(const char *path, int flags, ...) { RIGHTS(flags) return open_step(AT_FDCWD, path, flags | O_LARGEFILE, rights); }
int openat(int dir, const char *path, int flags, ...) { RIGHTS(flags) return open_step(dir, path, flags, rights); }
int openat64(int dir, const char *path, int flags, ...) { RIGHTS(flags) return open_step(dir, path, flags | O_LARGEFILE, rights); }

#define STEP(step, watched, first, second, call) do { \
    if (!is_inside(watched)) return call; \
    pthread_mutex_lock(&lock); \
    int result = call; \
    int saved = errno; \
    if (!result) tell(step, first, second); \
    pthread_mutex_unlock(&lock); \
    errno = saved; \
    return result; \
} while (0)

#define ONE(dir, a) char one[2 * PATH_BYTES]; absolute(dir, a, one)
#define TWO(ad, a, bd, b) ONE(ad, a); char other[2 * PATH_BYTES]; absolute(bd, b, other)

int mkdir(const char *a, mode_t rights) { NEXT(mkdir); ONE(AT_FDCWD, a); STEP("folder", one, one, NULL, next_mkdir(a, rights)); }
int rename(const char *a, const char *b) { NEXT(rename); TWO(AT_FDCWD, a, AT_FDCWD, b); STEP("rename", other, one, other, next_rename(a, b)); }
int link(const char *a, const char *b) { NEXT(link); TWO(AT_FDCWD, a, AT_FDCWD, b); STEP("link", other, one, other, next_link(a, b)); }
int linkat(int ad, const char *a, int bd, const char *b, int flags) { NEXT(linkat); TWO(ad, a, bd, b); STEP("link", other, one, other, next_linkat(ad, a, bd, b, flags)); }
int symlink(const char *a, const char *b) { NEXT(symlink); ONE(AT_FDCWD, b); STEP("symlink", one, one, a, next_symlink(a, b)); }
int unlink(const char *a) { NEXT(unlink); ONE(AT_FDCWD, a); STEP("remove", one, one, NULL, next_unlink(a)); }
int rmdir(const char *a) { NEXT(rmdir); ONE(AT_FDCWD, a); STEP("remove", one, one, NULL, next_rmdir(a)); }
int unlinkat(int dir, const char *a, int flags) { NEXT(unlinkat); ONE(dir, a); STEP("remove", one, one, NULL, next_unlinkat(dir, a, flags)); }

/* Keeps a file as it is now. */
static void keep(int fd, char *to) {
    static char buffer[1 << 16];
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    snprintf(to, 2 * PATH_BYTES, "%s/%ld", kept, n_kept++);
    int from = (int)syscall(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC, 0);
    int into = (int)syscall(SYS_openat, AT_FDCWD, to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ssize_t n;
    while ((n = syscall(SYS_read, from, buffer, sizeof buffer)) > 0)
        if (syscall(SYS_write, into, buffer, (size_t)n) != n) break;
    syscall(SYS_close, from);
    syscall(SYS_close, into);
}

static int sync_step(int (*next)(int), int fd) {
    char path[PATH_BYTES], to[2 * PATH_BYTES] = "";
    path_of(fd, path);
    if (!is_inside(path)) return next(fd);
    pthread_mutex_lock(&lock);
    struct stat state;
    if (!fstat(fd, &state) && S_ISREG(state.st_mode)) keep(fd, to);
    int result = next(fd);
    int saved = errno;
    if (!result) tell("sync", path, to);
    pthread_mutex_unlock(&lock);
    errno = saved;
    return result;
}

int fsync(int fd) { NEXT(fsync); return sync_step(next_fsync, fd); }
int fdatasync(int fd) { NEXT(fdatasync); return sync_step(next_fdatasync, fd); }

static int sync_entry(const char *path, const struct stat *state, int kind, struct FTW *place) {
    (void)state, (void)place;
    char to[2 * PATH_BYTES] = "";
    if (kind == FTW_F) {
        int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
        if (fd < 0) return 0;
        keep(fd, to);
        syscall(SYS_close, fd);
    }
    if (kind == FTW_F || kind == FTW_D) tell("sync", path, to);
    return 0;
}

/* A sync of the disk is one of every file and folder. */
int syncfs(int fd) {
    NEXT(syncfs);
    char path[PATH_BYTES];
    path_of(fd, path);
    if (!is_inside(path)) return next_syncfs(fd);
    pthread_mutex_lock(&lock);
    nftw(root, sync_entry, 16, FTW_PHYS);
    int result = next_syncfs(fd);
    int saved = errno;
    pthread_mutex_unlock(&lock);
    errno = saved;
    return result;
}
