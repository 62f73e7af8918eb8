/* Sets the wall clock of one process, for tests: the machine's wall clock plus an offset in
 * milliseconds. Another process writes the offset into the file that CLOCK_OFFSET names (eight
 * bytes, in the machine's byte order). Other clocks stay unchanged, as when somebody sets the
 * machine's wall clock.
 *
 * Build: cc -shared -fPIC -o wall_clock.so wall_clock.c
 * Use: LD_PRELOAD=wall_clock.so CLOCK_OFFSET=file
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *offset;

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("CLOCK_OFFSET");
  int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (file < 0)
    abort();
  void *mapped = mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, file, 0);
  if (mapped == MAP_FAILED)
    abort();
  close(file);
  offset = mapped;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  if (syscall(SYS_clock_gettime, clock, now) != 0)
    return -1;
  if (offset && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
    int64_t shift = *offset;
    now->tv_sec += shift / 1000;
    now->tv_nsec += shift % 1000 * 1000000;
    if (now->tv_nsec < 0) {
      now->tv_nsec += 1000000000;
      now->tv_sec -= 1;
    } else if (now->tv_nsec >= 1000000000) {
      now->tv_nsec -= 1000000000;
      now->tv_sec += 1;
    }
  }
  return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  (void)zone;
  struct timespec precise;
  if (clock_gettime(CLOCK_REALTIME, &precise) != 0)
    return -1;
  now->tv_sec = precise.tv_sec;
  now->tv_usec = precise.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *into) {
  struct timespec precise;
  if (clock_gettime(CLOCK_REALTIME, &precise) != 0)
    return (time_t)-1;
  if (into)
    *into = precise.tv_sec;
  return precise.tv_sec;
}
