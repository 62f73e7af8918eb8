/* Records, under a running gateway, the calls to the disk and the messages to senders and
 * receivers, in one order. LD_PRELOAD loads it.
 *
 *   RECORDER_LOG          the file that entries are appended to. Each process needs a new one,
 *                         because a kill may leave half an entry at the end.
 *   RECORDER_ROOT         the folder whose files are recorded: absolute, links resolved
 *   RECORDER_IGNORE_SYNC  syncs that are run but not recorded: "1" for all syncs, else the syncs
 *                         of files whose paths end with this text
 *
 * An entry is { u8 kind; u64 file, offset, length; }, packed, in the machine's byte order, and
 * then `length` bytes. A file's name is its inode number.
 *
 * The order: one lock covers the record of a write and the write itself. So two writes are
 * recorded in the order in which they happen, and a write that a kill interrupts is recorded. A
 * sync is two entries, before and after the call, without the lock: once its end is recorded, it
 * covers the writes recorded before its beginning. A message is recorded before it is sent, so no
 * later write can count for it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind {
    ROOT = 1,   /* file: the root folder; bytes: its path */
    CREATED,    /* file: a new file; bytes: path */
    OPENED,     /* file: an existing file; bytes: path */
    FOLDER,     /* file: a new folder; bytes: path */
    WRITE,      /* file, offset; bytes: the written bytes */
    LENGTH,     /* file; offset: its new length */
    SYNC_BEGIN, /* file; offset: the number of this sync */
    SYNC_END,   /* file; offset: the number of this sync */
    UNLINKED,   /* bytes: path */
    RENAMED,    /* bytes: path, NUL, path */
    ANSWERED,   /* bytes: the id of an acknowledged event */
    SENT,       /* bytes: the idempotency key of an outbox request */
    UNKNOWN,    /* a call that this program does not record; bytes: its name */
};

struct __attribute__((packed)) entry {
    uint8_t kind;
    uint64_t file, offset, length;
};

enum { FDS = 65536, HEAD = 65536 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -1;
static char root[PATH_MAX];
static const char *ignore_sync;
static uint64_t syncs;
static uint64_t files[FDS]; /* by descriptor: the inode of a recorded file, else 0 */
static char ignored[FDS];   /* by descriptor: 1 if its syncs are not recorded */

/* Ends the process, because an incomplete recording is worse than none. */
static void give_up(const char *why)
{
    dprintf(2, "recorder: %s\n", why);
    abort();
}

static void record(enum kind kind, uint64_t file, uint64_t offset, const void *bytes, size_t length)
{
    struct entry entry = {kind, file, offset, length};
    struct iovec parts[2] = {{&entry, sizeof entry}, {(void *)bytes, length}};
    ssize_t wanted = (ssize_t)(sizeof entry + length);
    if (syscall(SYS_writev, log_fd, parts, 2) != wanted)
        give_up("the log cannot be written");
}

static void record_path(enum kind kind, uint64_t file, const char *path)
{
    record(kind, file, 0, path, strlen(path));
}

static uint64_t inode(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

__attribute__((constructor)) static void begin(void)
{
    const char *log = getenv("RECORDER_LOG"), *folder = getenv("RECORDER_ROOT");
    if (!log || !folder)
        return;
    ignore_sync = getenv("RECORDER_IGNORE_SYNC");
    snprintf(root, sizeof root, "%s", folder);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    log_fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 || log_fd < 0)
        abort();
    record_path(ROOT, inode(fd), root);
    syscall(SYS_close, fd);
    /* Processes that the gateway starts are not recorded. */
    unsetenv("LD_PRELOAD");
}

/* Makes the path absolute. Returns 1 if it lies below the root. */
static int below_root(int at, const char *path, char *absolute)
{
    if (log_fd < 0)
        return 0;
    if (path[0] == '/') {
        snprintf(absolute, PATH_MAX, "%s", path);
    } else {
        char base[PATH_MAX / 2];
        if (at == AT_FDCWD) {
            if (!getcwd(base, sizeof base))
                return 0;
        } else {
            char link[64];
            snprintf(link, sizeof link, "/proc/self/fd/%d", at);
            ssize_t length = readlink(link, base, sizeof base - 1);
            if (length < 0)
                return 0;
            base[length] = 0;
        }
        snprintf(absolute, PATH_MAX, "%s/%.*s", base, PATH_MAX / 2 - 2, path);
    }
    size_t length = strlen(root);
    return strncmp(absolute, root, length) == 0 && (absolute[length] == '/' || absolute[length] == 0);
}

static int is_recorded(int fd)
{
    return fd >= 0 && fd < FDS && files[fd] != 0;
}

static int ends_with(const char *text, const char *end)
{
    size_t a = strlen(text), b = strlen(end);
    return a >= b && strcmp(text + a - b, end) == 0;
}

static int open_at(int at, const char *path, int flags, mode_t mode)
{
    char absolute[PATH_MAX];
    if (!below_root(at, path, absolute))
        return (int)syscall(SYS_openat, at, path, flags, mode);
    pthread_mutex_lock(&lock);
    int was_there = syscall(SYS_faccessat, at, path, F_OK) == 0;
    int fd = (int)syscall(SYS_openat, at, path, flags, mode);
    int error = errno;
    if (fd >= 0 && fd < FDS) {
        files[fd] = inode(fd);
        ignored[fd] = ignore_sync && (strcmp(ignore_sync, "1") == 0 || ends_with(absolute, ignore_sync));
        record_path(was_there ? OPENED : CREATED, files[fd], absolute);
        if (was_there && (flags & O_TRUNC))
            record(LENGTH, files[fd], 0, "", 0);
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return fd;
}

#define MODE(flags)                                        \
    mode_t mode = 0;                                       \
    if ((flags) & (O_CREAT | O_TMPFILE)) {                 \
        va_list rest;                                      \
        va_start(rest, flags);                             \
        mode = (mode_t)va_arg(rest, int);                  \
        va_end(rest);                                      \
    }

int open(const char *path, int flags, ...) { MODE(flags) return open_at(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return open_at(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE(flags) return open_at(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags) return open_at(at, path, flags, mode); }
int creat(const char *path, mode_t mode) { return open_at(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode); }

int close(int fd)
{
    /* The entry goes before the call, because another file may get the number after it. */
    if (is_recorded(fd))
        files[fd] = 0;
    return (int)syscall(SYS_close, fd);
}

/* Returns the parts of one write as one block. */
static char *joined(const struct iovec *parts, int count, size_t length)
{
    char *bytes = malloc(length ? length : 1);
    size_t at = 0;
    for (int i = 0; i < count && at < length; i++) {
        size_t part = parts[i].iov_len < length - at ? parts[i].iov_len : length - at;
        memcpy(bytes + at, parts[i].iov_base, part);
        at += part;
    }
    return bytes;
}

/* Writes at `at`, or at the descriptor's own position if `at` < 0. */
static ssize_t write_file(int fd, const struct iovec *parts, int count, off_t at)
{
    pthread_mutex_lock(&lock);
    off_t place = at;
    if (at < 0) {
        int appends = (int)(syscall(SYS_fcntl, fd, F_GETFL) & O_APPEND);
        place = (off_t)syscall(SYS_lseek, fd, 0, appends ? SEEK_END : SEEK_CUR);
    }
    size_t length = 0;
    for (int i = 0; i < count; i++)
        length += parts[i].iov_len;
    char *bytes = joined(parts, count, length);
    record(WRITE, files[fd], (uint64_t)place, bytes, length);
    free(bytes);
    ssize_t written = at < 0 ? syscall(SYS_writev, fd, parts, count)
                             : syscall(SYS_pwritev, fd, parts, count, at, 0);
    int error = errno;
    if (written != (ssize_t)length)
        give_up("a write was cut short");
    pthread_mutex_unlock(&lock);
    errno = error;
    return written;
}

static int is_socket(int fd)
{
    int type;
    socklen_t size = sizeof type;
    int error = errno;
    int is = getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0;
    errno = error;
    return is;
}

/* Records the value of every header with this name. */
static void record_headers(enum kind kind, const char *head, size_t length, const char *name)
{
    const char *end = head + length;
    size_t size = strlen(name);
    for (const char *at = head; (at = memmem(at, (size_t)(end - at), name, size)) != NULL;) {
        at += size;
        while (at < end && *at == ' ')
            at++;
        const char *stop = at;
        while (stop < end && *stop != '\r')
            stop++;
        record(kind, 0, 0, at, (size_t)(stop - at));
        at = stop;
    }
}

/* Records the acknowledgements and outgoing requests in a message before it is sent. */
static void record_message(const struct iovec *parts, int count)
{
    size_t length = 0;
    for (int i = 0; i < count; i++)
        length += parts[i].iov_len;
    if (length > HEAD)
        length = HEAD;
    char *head = joined(parts, count, length);
    pthread_mutex_lock(&lock);
    /* An outbox request also has the header of its event, so its first line decides. */
    if (length > 7 && memcmp(head, "HTTP/1.", 7) == 0)
        record_headers(ANSWERED, head, length, "tollgate-event-id:");
    else
        record_headers(SENT, head, length, "idempotency-key:");
    pthread_mutex_unlock(&lock);
    free(head);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    if (is_recorded(fd))
        return write_file(fd, parts, count, -1);
    if (log_fd >= 0 && is_socket(fd))
        record_message(parts, count);
    return syscall(SYS_writev, fd, parts, count);
}

ssize_t write(int fd, const void *bytes, size_t length)
{
    struct iovec part = {(void *)bytes, length};
    return writev(fd, &part, 1);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at)
{
    return is_recorded(fd) ? write_file(fd, parts, count, at) : syscall(SYS_pwritev, fd, parts, count, at, 0);
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t at) { return pwritev(fd, parts, count, at); }

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at)
{
    struct iovec part = {(void *)bytes, length};
    return pwritev(fd, &part, 1, at);
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t at) { return pwrite(fd, bytes, length, at); }

ssize_t sendto(int fd, const void *bytes, size_t length, int flags, const struct sockaddr *to, socklen_t size)
{
    struct iovec part = {(void *)bytes, length};
    if (log_fd >= 0)
        record_message(&part, 1);
    return syscall(SYS_sendto, fd, bytes, length, flags, to, size);
}
ssize_t send(int fd, const void *bytes, size_t length, int flags) { return sendto(fd, bytes, length, flags, NULL, 0); }

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    if (log_fd >= 0)
        record_message(message->msg_iov, (int)message->msg_iovlen);
    return syscall(SYS_sendmsg, fd, message, flags);
}

static int set_length(int fd, off_t length)
{
    if (!is_recorded(fd))
        return (int)syscall(SYS_ftruncate, fd, length);
    pthread_mutex_lock(&lock);
    record(LENGTH, files[fd], (uint64_t)length, "", 0);
    int result = (int)syscall(SYS_ftruncate, fd, length);
    int error = errno;
    if (result != 0)
        give_up("a length could not be set");
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}
int ftruncate(int fd, off_t length) { return set_length(fd, length); }
int ftruncate64(int fd, off_t length) { return set_length(fd, length); }

static int sync_with(long call, int fd)
{
    if (!is_recorded(fd) || ignored[fd])
        return (int)syscall(call, fd);
    pthread_mutex_lock(&lock);
    uint64_t file = files[fd], number = ++syncs;
    record(SYNC_BEGIN, file, number, "", 0);
    pthread_mutex_unlock(&lock);
    int result = (int)syscall(call, fd);
    int error = errno;
    if (result == 0) {
        pthread_mutex_lock(&lock);
        record(SYNC_END, file, number, "", 0);
        pthread_mutex_unlock(&lock);
    }
    errno = error;
    return result;
}
int fsync(int fd) { return sync_with(SYS_fsync, fd); }
int fdatasync(int fd) { return sync_with(SYS_fdatasync, fd); }

int mkdirat(int at, const char *path, mode_t mode)
{
    char absolute[PATH_MAX];
    if (!below_root(at, path, absolute))
        return (int)syscall(SYS_mkdirat, at, path, mode);
    pthread_mutex_lock(&lock);
    int result = (int)syscall(SYS_mkdirat, at, path, mode);
    int error = errno;
    struct stat st;
    if (result == 0 && stat(absolute, &st) == 0)
        record_path(FOLDER, st.st_ino, absolute);
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

int unlinkat(int at, const char *path, int flags)
{
    char absolute[PATH_MAX];
    if (!below_root(at, path, absolute))
        return (int)syscall(SYS_unlinkat, at, path, flags);
    pthread_mutex_lock(&lock);
    int result = (int)syscall(SYS_unlinkat, at, path, flags);
    int error = errno;
    if (result == 0)
        record_path(UNLINKED, 0, absolute);
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
int remove(const char *path)
{
    int result = unlinkat(AT_FDCWD, path, 0);
    return result != 0 && errno == EISDIR ? rmdir(path) : result;
}

int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags)
{
    char paths[2][PATH_MAX];
    int left = below_root(from_at, from, paths[0]), right = below_root(to_at, to, paths[1]);
    if (!left && !right)
        return (int)syscall(SYS_renameat2, from_at, from, to_at, to, flags);
    pthread_mutex_lock(&lock);
    int result = (int)syscall(SYS_renameat2, from_at, from, to_at, to, flags);
    int error = errno;
    if (result == 0) {
        char both[2 * PATH_MAX];
        int length = snprintf(both, sizeof both, "%s%c%s", paths[0], 0, paths[1]);
        record(left && right && flags == 0 ? RENAMED : UNKNOWN, 0, 0, both, (size_t)length);
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}
int renameat(int from_at, const char *from, int to_at, const char *to) { return renameat2(from_at, from, to_at, to, 0); }
int rename(const char *from, const char *to) { return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0); }

/* Records a kind of write that this program does not model, so a test can refuse to judge. */
static void unknown(int fd, const char *name)
{
    if (!is_recorded(fd))
        return;
    pthread_mutex_lock(&lock);
    record(UNKNOWN, files[fd], 0, name, strlen(name));
    pthread_mutex_unlock(&lock);
}

ssize_t copy_file_range(int from, off_t *from_at, int to, off_t *to_at, size_t length, unsigned flags)
{
    unknown(to, "copy_file_range");
    return syscall(SYS_copy_file_range, from, from_at, to, to_at, length, flags);
}

ssize_t sendfile(int to, int from, off_t *at, size_t length)
{
    unknown(to, "sendfile");
    return syscall(SYS_sendfile, to, from, at, length);
}
ssize_t sendfile64(int to, int from, off_t *at, size_t length) { return sendfile(to, from, at, length); }

int fallocate(int fd, int mode, off_t at, off_t length)
{
    unknown(fd, "fallocate");
    return (int)syscall(SYS_fallocate, fd, mode, at, length);
}
int fallocate64(int fd, int mode, off_t at, off_t length) { return fallocate(fd, mode, at, length); }

int posix_fallocate(int fd, off_t at, off_t length)
{
    return fallocate(fd, 0, at, length) == 0 ? 0 : errno;
}
int posix_fallocate64(int fd, off_t at, off_t length) { return posix_fallocate(fd, at, length); }

void *mmap64(void *place, size_t length, int protection, int flags, int fd, off_t at)
{
    if ((flags & MAP_SHARED) && (protection & PROT_WRITE))
        unknown(fd, "mmap");
    return (void *)syscall(SYS_mmap, place, length, protection, flags, fd, at);
}
void *mmap(void *place, size_t length, int protection, int flags, int fd, off_t at)
{
    return mmap64(place, length, protection, flags, fd, at);
}
