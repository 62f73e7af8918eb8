/* A disk that fails under one process, for tests. Another process writes two error numbers into
 * the file that DISK_FAULT names (four bytes each, in the machine's byte order): the error of all
 * later writes to files, and the error of all later syncs. 0 means no error. A failing write
 * writes nothing.
 *
 * Build: cc -shared -fPIC -o disk.so disk.c
 * Use: LD_PRELOAD=disk.so DISK_FAULT=file
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

struct faults {
  int32_t write, sync;
};

static volatile struct faults *faults;

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("DISK_FAULT");
  int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (file < 0)
    abort();
  void *mapped = mmap(NULL, sizeof *faults, PROT_READ, MAP_SHARED, file, 0);
  if (mapped == MAP_FAILED)
    abort();
  close(file);
  faults = mapped;
}

/* Returns 1 and sets errno if the call must fail. */
static int fails_with(int fd, int32_t error) {
  struct stat st;
  /* A file without a name lies in memory (memfd), not on the disk. */
  if (error == 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_nlink == 0)
    return 0;
  errno = error;
  return 1;
}

static int write_fails(int fd) { return faults && fails_with(fd, faults->write); }
static int sync_fails(int fd) { return faults && fails_with(fd, faults->sync); }

ssize_t write(int fd, const void *bytes, size_t length) {
  return write_fails(fd) ? -1 : syscall(SYS_write, fd, bytes, length);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  return write_fails(fd) ? -1 : syscall(SYS_writev, fd, parts, count);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
  return write_fails(fd) ? -1 : syscall(SYS_pwrite64, fd, bytes, length, at);
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t at) { return pwrite(fd, bytes, length, at); }

int ftruncate(int fd, off_t length) { return write_fails(fd) ? -1 : (int)syscall(SYS_ftruncate, fd, length); }
int ftruncate64(int fd, off_t length) { return ftruncate(fd, length); }

int fsync(int fd) { return sync_fails(fd) ? -1 : (int)syscall(SYS_fsync, fd); }
int fdatasync(int fd) { return sync_fails(fd) ? -1 : (int)syscall(SYS_fdatasync, fd); }
