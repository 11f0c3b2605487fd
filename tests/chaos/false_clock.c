/* What a process that preloads this takes for the wall clock and for the kernel's word on it.
 *
 * $FALSE_CLOCK names a file of two 64-bit numbers, looked at each time: by how many ns the wall clock is shifted, and
 * what adjtimex says (0: the truth, 1: unsynchronised, 2: synchronised to 5 ms). Only CLOCK_REALTIME is shifted.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS 1000000000LL

static const volatile int64_t *said;

__attribute__((constructor)) static void open_it(void) {
    const char *path = getenv("FALSE_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0)
        return;
    void *map = mmap(NULL, 16, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (map != MAP_FAILED)
        said = map;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = syscall(SYS_clock_gettime, clock, now);
    if (failed || !said || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE))
        return failed;
    int64_t ns = now->tv_sec * SECOND_NS + now->tv_nsec + said[0];
    now->tv_sec = ns / SECOND_NS;
    now->tv_nsec = ns % SECOND_NS;
    return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec exact;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *now) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (now)
        *now = exact.tv_sec;
    return exact.tv_sec;
}

int adjtimex(struct timex *told) {
    int state = syscall(SYS_adjtimex, told);
    if (!said || said[1] == 0)
        return state;
    if (said[1] == 1) {
        told->status |= STA_UNSYNC;
        return TIME_ERROR;
    }
    told->status &= ~STA_UNSYNC;
    told->maxerror = 5000;
    return TIME_OK;
}
