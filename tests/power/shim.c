/*
 * Records what a program does to the files below one directory, in order, so that a test can build the states in which
 * a stop of the machine could leave that directory.
 *
 * Loaded with LD_PRELOAD. Its settings are in the environment:
 *   POWER_ROOT     the directory, an absolute path
 *   POWER_RECORD   the file to append the record to; nothing is recorded without it
 *   POWER_BOOT_ID  a file that is read in place of the kernel's boot id
 *
 * A step is recorded after it happened and before its caller continues; steps are serialized by one lock. A sync has
 * two steps, before and after: it covers what was recorded before it began. sync_file_range, sync and O_SYNC are not
 * recorded: they are no barriers here. Each step on a file has the file's length before the step, from which the reader
 * sees a change that did not pass through the C library (fallocate by a bare system call).
 *
 * SIGUSR2 kills the process between two steps, so that the record is complete.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind {
    STARTED = 1, /* a process began */
    OPENED,      /* id: the file's, for this process; a: flags; text: path */
    WRITTEN,     /* id; a: offset; text: bytes */
    RESIZED,     /* id; a: new length */
    RENAMED,     /* text: path, NUL, new path */
    UNLINKED,    /* text: path */
    MADE,        /* a directory; text: path */
    REMOVED,     /* a directory; text: path */
    SYNCING,     /* id; a: number of the sync */
    SYNCED,      /* id; a: number of the sync; b: 0 if it succeeded */
    UNKNOWN,     /* text: a call that this shim cannot record */
};

struct head {
    uint32_t kind, id;
    uint64_t a, b, length;
    uint64_t bytes; /* of the text that follows */
};

#define FDS 65536
static _Atomic uint32_t ids[FDS]; /* of open descriptors below the root; 0: another file */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic int killed;
static uint32_t next_id;
static uint64_t next_sync;
static int record = -1;
static char root[PATH_MAX], boot[PATH_MAX];
static size_t root_length;

#define REAL(name) ((__typeof__(&name))real(#name))
static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

static void die(void) { syscall(SYS_kill, syscall(SYS_getpid), SIGKILL); }

static void enter(void) { pthread_mutex_lock(&lock); }

static void leave(void) {
    int saved = errno;
    pthread_mutex_unlock(&lock);
    if (atomic_load(&killed)) die();
    errno = saved;
}

static void kill_between_steps(int signal) {
    (void)signal;
    atomic_store(&killed, 1);
    /* The owner of the lock sees the flag when it leaves. */
    if (pthread_mutex_trylock(&lock) == 0) die();
}

static void append(const void *bytes, size_t length) {
    const char *at = bytes;
    while (length > 0) {
        long done = syscall(SYS_write, record, at, length);
        if (done < 0) {
            if (errno == EINTR) continue;
            abort();
        }
        at += done;
        length -= done;
    }
}

/* One write for one step: its reader uses the record's length as a clock. */
static void note(struct head head, const struct iovec *parts, int count) {
    int saved = errno;
    for (int i = 0; i < count; i++) head.bytes += parts[i].iov_len;
    char *whole = malloc(sizeof head + head.bytes);
    if (!whole) abort();
    memcpy(whole, &head, sizeof head);
    size_t at = sizeof head;
    for (int i = 0; i < count; i++) {
        memcpy(whole + at, parts[i].iov_base, parts[i].iov_len);
        at += parts[i].iov_len;
    }
    append(whole, at);
    free(whole);
    errno = saved;
}

static void note_text(struct head head, const char *text) {
    struct iovec part = {(void *)text, strlen(text)};
    note(head, &part, 1);
}

static void unknown(const char *call) {
    enter();
    note_text((struct head){.kind = UNKNOWN}, call);
    leave();
}

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("POWER_BOOT_ID");
    if (path) snprintf(boot, sizeof boot, "%s", path);
    path = getenv("POWER_ROOT");
    const char *file = getenv("POWER_RECORD");
    if (!path || !file) return;
    snprintf(root, sizeof root, "%s", path);
    root_length = strlen(root);
    record = syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (record < 0) abort();
    struct sigaction action = {.sa_handler = kill_between_steps};
    sigaction(SIGUSR2, &action, NULL);
    note((struct head){.kind = STARTED}, NULL, 0);
}

static uint32_t id_of(int fd) { return fd >= 0 && fd < FDS ? atomic_load(&ids[fd]) : 0; }

static void set_id(int fd, uint32_t id) {
    if (fd >= 0 && fd < FDS) atomic_store(&ids[fd], id);
    else if (id) abort();
}

/* The absolute path; without "." and "..", which the program does not use. */
static void absolute(char *out, int dir, const char *path) {
    char base[PATH_MAX] = "";
    if (path[0] != '/') {
        if (dir == AT_FDCWD) {
            if (!getcwd(base, sizeof base)) base[0] = 0;
        } else {
            char link[64];
            snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
            ssize_t length = readlink(link, base, sizeof base - 1);
            base[length < 0 ? 0 : length] = 0;
        }
    }
    if (snprintf(out, PATH_MAX, "%s%s%s", base, base[0] ? "/" : "", path) >= PATH_MAX) abort();
    size_t length = strlen(out);
    while (length > 1 && out[length - 1] == '/') out[--length] = 0;
}

/* The path below the root, "" for the root itself; NULL: it is elsewhere, or nothing is recorded. */
static const char *below(char *out, int dir, const char *path) {
    if (record < 0 || !path) return NULL;
    absolute(out, dir, path);
    if (strncmp(out, root, root_length)) return NULL;
    if (out[root_length] == 0) return out + root_length;
    return out[root_length] == '/' ? out + root_length + 1 : NULL;
}

static uint64_t length_of(int fd) {
    struct stat about;
    return fstat(fd, &about) == 0 && S_ISREG(about.st_mode) ? (uint64_t)about.st_size : 0;
}

/* ---- names ---- */

static int open_by(int dir, const char *path, int flags, mode_t mode) {
    __typeof__(&openat) openat_real = REAL(openat);
    if (boot[0] && path && !strcmp(path, "/proc/sys/kernel/random/boot_id")) path = boot;
    char full[PATH_MAX];
    const char *name = below(full, dir, path);
    if (!name) {
        int fd = openat_real(dir, path, flags, mode);
        set_id(fd, 0);
        return fd;
    }
    enter();
    int fd = openat_real(dir, path, flags, mode);
    if (fd >= 0) {
        set_id(fd, ++next_id);
        note_text((struct head){.kind = OPENED, .id = next_id, .a = flags}, name);
    }
    leave();
    return fd;
}

#define MODE(flags, mode) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | __O_TMPFILE)) { \
        va_list rest; \
        va_start(rest, flags); \
        mode = va_arg(rest, mode_t); \
        va_end(rest); \
    }

int open(const char *path, int flags, ...) { MODE(flags, mode) return open_by(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags, mode) return open_by(AT_FDCWD, path, flags, mode); }
int openat(int dir, const char *path, int flags, ...) { MODE(flags, mode) return open_by(dir, path, flags, mode); }
int openat64(int dir, const char *path, int flags, ...) { MODE(flags, mode) return open_by(dir, path, flags, mode); }
int creat(const char *path, mode_t mode) { return open_by(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

/* One change of names: the call, and its step if it succeeded. */
#define NAMED(kind_, call, from, to) \
    enter(); \
    int result = (call); \
    if (result == 0) { \
        struct iovec parts[3] = {{(void *)(from), strlen(from)}, {"", 1}, {(void *)(to), strlen(to)}}; \
        note((struct head){.kind = (kind_)}, parts, *(to) ? 3 : 1); \
    } \
    leave(); \
    return result;

static int rename_by(int dir, const char *from, int to_dir, const char *to, unsigned flags) {
    char full[PATH_MAX], to_full[PATH_MAX];
    const char *name = below(full, dir, from), *to_name = below(to_full, to_dir, to);
    if (!name && !to_name) return REAL(renameat2)(dir, from, to_dir, to, flags);
    if (!name || !to_name || flags) unknown("a rename across the root, or with flags");
    if (!name) name = "";
    if (!to_name) to_name = "";
    NAMED(RENAMED, REAL(renameat2)(dir, from, to_dir, to, flags), name, to_name)
}

int rename(const char *from, const char *to) { return rename_by(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int dir, const char *from, int to_dir, const char *to) { return rename_by(dir, from, to_dir, to, 0); }
int renameat2(int dir, const char *from, int to_dir, const char *to, unsigned flags) {
    return rename_by(dir, from, to_dir, to, flags);
}

int unlinkat(int dir, const char *path, int flags) {
    char full[PATH_MAX];
    const char *name = below(full, dir, path);
    if (!name) return REAL(unlinkat)(dir, path, flags);
    NAMED(flags & AT_REMOVEDIR ? REMOVED : UNLINKED, REAL(unlinkat)(dir, path, flags), name, "")
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

int mkdirat(int dir, const char *path, mode_t mode) {
    char full[PATH_MAX];
    const char *name = below(full, dir, path);
    if (!name) return REAL(mkdirat)(dir, path, mode);
    NAMED(MADE, REAL(mkdirat)(dir, path, mode), name, "")
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

int linkat(int dir, const char *path, int to_dir, const char *to, int flags) {
    char full[PATH_MAX];
    if (below(full, to_dir, to)) unknown("link");
    return REAL(linkat)(dir, path, to_dir, to, flags);
}
int link(const char *path, const char *to) { return linkat(AT_FDCWD, path, AT_FDCWD, to, 0); }
int symlinkat(const char *target, int dir, const char *path) {
    char full[PATH_MAX];
    if (below(full, dir, path)) unknown("symlink");
    return REAL(symlinkat)(target, dir, path);
}
int symlink(const char *target, const char *path) { return symlinkat(target, AT_FDCWD, path); }
int truncate64(const char *path, off64_t length) {
    char full[PATH_MAX];
    if (below(full, AT_FDCWD, path)) unknown("truncate");
    return REAL(truncate64)(path, length);
}
int truncate(const char *path, off_t length) { return truncate64(path, length); }

/* ---- descriptors ---- */

int close(int fd) {
    set_id(fd, 0);
    return REAL(close)(fd);
}

/* closedir closes the descriptor without a call that could be recorded. */
DIR *fdopendir(int fd) {
    set_id(fd, 0);
    return REAL(fdopendir)(fd);
}

int dup(int fd) {
    int copy = REAL(dup)(fd);
    if (copy >= 0) set_id(copy, id_of(fd));
    return copy;
}
int dup3(int fd, int to, int flags) {
    int copy = REAL(dup3)(fd, to, flags);
    if (copy >= 0) set_id(copy, id_of(fd));
    return copy;
}
int dup2(int fd, int to) {
    int copy = REAL(dup2)(fd, to);
    if (copy >= 0) set_id(copy, id_of(fd));
    return copy;
}

static int control(int fd, int command, void *argument) {
    int result = REAL(fcntl)(fd, command, argument);
    if (result >= 0 && (command == F_DUPFD || command == F_DUPFD_CLOEXEC)) set_id(result, id_of(fd));
    return result;
}
int fcntl(int fd, int command, ...) {
    va_list rest;
    va_start(rest, command);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    return control(fd, command, argument);
}
int fcntl64(int fd, int command, ...) {
    va_list rest;
    va_start(rest, command);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    return control(fd, command, argument);
}

/* ---- content ---- */

/* Writes at `at`, or at the descriptor's position if `at` is negative. */
static ssize_t write_by(int fd, const struct iovec *parts, int count, off64_t at) {
    enter();
    uint64_t length = length_of(fd);
    int flags = REAL(fcntl)(fd, F_GETFL);
    uint64_t place = at >= 0 ? at : flags & O_APPEND ? (off64_t)length : lseek(fd, 0, SEEK_CUR);
    ssize_t done = at >= 0 ? REAL(pwritev64)(fd, parts, count, at) : REAL(writev)(fd, parts, count);
    if (done > 0) {
        struct iovec written[IOV_MAX];
        int kept = 0;
        for (ssize_t rest = done; rest > 0; kept++) {
            written[kept] = parts[kept];
            if ((ssize_t)written[kept].iov_len > rest) written[kept].iov_len = rest;
            rest -= written[kept].iov_len;
        }
        note((struct head){.kind = WRITTEN, .id = id_of(fd), .a = place, .length = length}, written, kept);
    }
    leave();
    return done;
}

ssize_t write(int fd, const void *bytes, size_t length) {
    if (!id_of(fd)) return REAL(write)(fd, bytes, length);
    return write_by(fd, &(struct iovec){(void *)bytes, length}, 1, -1);
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
    if (!id_of(fd)) return REAL(pwrite64)(fd, bytes, length, at);
    return write_by(fd, &(struct iovec){(void *)bytes, length}, 1, at);
}
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) { return pwrite64(fd, bytes, length, at); }
ssize_t writev(int fd, const struct iovec *parts, int count) {
    if (!id_of(fd)) return REAL(writev)(fd, parts, count);
    return write_by(fd, parts, count, -1);
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) {
    if (!id_of(fd)) return REAL(pwritev64)(fd, parts, count, at);
    return write_by(fd, parts, count, at);
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) { return pwritev64(fd, parts, count, at); }

static int resize_by(int fd, int result, uint64_t before, uint64_t length) {
    if (result == 0) note((struct head){.kind = RESIZED, .id = id_of(fd), .a = length, .length = before}, NULL, 0);
    leave();
    return result;
}

int ftruncate64(int fd, off64_t length) {
    if (!id_of(fd)) return REAL(ftruncate64)(fd, length);
    enter();
    uint64_t before = length_of(fd);
    return resize_by(fd, REAL(ftruncate64)(fd, length), before, length);
}
int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

int fallocate64(int fd, int mode, off64_t at, off64_t length) {
    if (!id_of(fd)) return REAL(fallocate64)(fd, mode, at, length);
    if (mode) unknown("fallocate with a mode");
    enter();
    uint64_t before = length_of(fd);
    int result = REAL(fallocate64)(fd, mode, at, length);
    return resize_by(fd, result, before, length_of(fd));
}
int fallocate(int fd, int mode, off_t at, off_t length) { return fallocate64(fd, mode, at, length); }
int posix_fallocate64(int fd, off64_t at, off64_t length) { return fallocate64(fd, 0, at, length) ? errno : 0; }
int posix_fallocate(int fd, off_t at, off_t length) { return posix_fallocate64(fd, at, length); }

void *mmap64(void *address, size_t length, int protection, int flags, int fd, off64_t at) {
    if (fd >= 0 && id_of(fd) && protection & PROT_WRITE && flags & MAP_SHARED) unknown("a file is mapped for writing");
    return REAL(mmap64)(address, length, protection, flags, fd, at);
}
void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t at) {
    return mmap64(address, length, protection, flags, fd, at);
}
ssize_t copy_file_range(int fd, off64_t *at, int to, off64_t *to_at, size_t length, unsigned flags) {
    if (id_of(to)) unknown("copy_file_range");
    return REAL(copy_file_range)(fd, at, to, to_at, length, flags);
}
ssize_t sendfile64(int to, int fd, off64_t *at, size_t length) {
    if (id_of(to)) unknown("sendfile");
    return REAL(sendfile64)(to, fd, at, length);
}
ssize_t sendfile(int to, int fd, off_t *at, size_t length) { return sendfile64(to, fd, at, length); }

/* ---- barriers ---- */

static int sync_by(int fd, int (*sync)(int)) {
    uint32_t id = id_of(fd);
    if (!id) return sync(fd);
    enter();
    uint64_t number = ++next_sync;
    note((struct head){.kind = SYNCING, .id = id, .a = number, .length = length_of(fd)}, NULL, 0);
    leave();
    int result = sync(fd);
    enter();
    note((struct head){.kind = SYNCED, .id = id, .a = number, .b = result != 0}, NULL, 0);
    leave();
    return result;
}

int fsync(int fd) { return sync_by(fd, REAL(fsync)); }
int fdatasync(int fd) { return sync_by(fd, REAL(fdatasync)); }
