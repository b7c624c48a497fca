/* The workload of the tests: counts steps in memory and in a file of its writable layer, and knows its own CPU time.
 *   steps STEPS LOOPS EXIT_CODE [MEGABYTES] [PORT]
 * Every step is a fixed amount of work, one line "N" in /steps (kept open, not in append mode), one line on standard
 * output, and the pair "N CPU-microseconds" in /progress/now. At the end the whole file, a file that was deleted from the
 * image, and a memory area are checked: "complete N" is printed only when nothing was lost, repeated or changed.
 * Once there is a file /progress/enough, the step under way is the last one: a test need not wait for steps that prove
 * nothing more. With a PORT whoever connects to it is told the number of the step under way.
 * Of another user than root it has /steps and the deleted file in /work, as it may write nothing else.
 *   steps show WORD...      prints its words and environment, one in a line, and ends.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int64_t cpu_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static void fail(const char *what) {
    printf("damaged: %s (%s)\n", what, strerror(errno));
    fflush(stdout);
    _exit(99);
}

static int listening(const char *port) {
    int s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
    if (s < 0 || setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0) fail("socket");
    if (bind(s, (struct sockaddr *)&address, sizeof address) != 0 || listen(s, 16) != 0) fail("listen");
    return s;
}

static void tell(int s, const char *line, int n) {
    int c;
    while ((c = accept(s, NULL, NULL)) >= 0) {
        if (send(c, line, n, MSG_NOSIGNAL) < 0) { /* gone already */ }
        close(c);
    }
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "show") == 0) {
        extern char **environ;
        for (int i = 2; i < argc; i++) printf("word %s\n", argv[i]);
        for (char **e = environ; *e; e++) printf("env %s\n", *e);
        return 0;
    }
    if (argc < 4) return 98;
    long steps = atol(argv[1]), loops = atol(argv[2]);
    int code = atoi(argv[3]);
    size_t size = (argc > 4 ? (size_t)atol(argv[4]) : 1) << 20;
    unsigned char *area = malloc(size);
    if (!area) fail("memory");
    uint64_t seed = 88172645463325252ULL, sum = 0;
    for (size_t i = 0; i < size; i++) {
        seed ^= seed << 13; seed ^= seed >> 7; seed ^= seed << 17;
        sum += area[i] = (unsigned char)seed;
    }
    if (getuid() != 0 && chdir("/work") != 0) fail("chdir /work");
    if (unlink("image-file") != 0) fail("unlink image-file");
    int file = open("steps", O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (file < 0) fail("open steps");
    int progress = open("/progress/now", O_RDWR | O_CREAT, 0600);
    int door = argc > 5 ? listening(argv[5]) : -1;
    volatile uint64_t sink = 1;
    /* The process clock starts again at a restore: differences over a millisecond or so are summed, others left out. */
    uid_t user = getuid();
    int64_t used = cpu_us(), before = used;
    for (long step = 1; step <= steps; step++) {
        for (long loop = 0; loop < loops; loop++) {
            sink = sink * 6364136223846793005ULL + 1442695040888963407ULL;
            if ((loop & 0x1ffff) == 0x1ffff) {
                int64_t now = cpu_us();
                if (now >= before && now - before < 100000) used += now - before;
                before = now;
            }
        }
        char line[64];
        int n = snprintf(line, sizeof line, "%ld\n", step);
        if (write(file, line, n) != n) fail("write /steps");
        if (write(1, line, n) < 0) { /* nobody reads: the steps count */ }
        if (door >= 0) tell(door, line, n);
        if (access("/progress/enough", F_OK) == 0) steps = step;
        if (progress >= 0) {
            n = snprintf(line, sizeof line, "%-15ld %-15lld\n", step, (long long)used);
            if (pwrite(progress, line, n, 0) != n) fail("progress");
        }
    }
    uint64_t again = 0;
    for (size_t i = 0; i < size; i++) again += area[i];
    if (again != sum) fail("memory area");
    if (getuid() != user || geteuid() != user) fail("another user");
    if (access("image-file", F_OK) == 0) fail("deleted file is back");
    if (lseek(file, 0, SEEK_SET) != 0) fail("seek");
    FILE *f = fdopen(file, "r");
    long expected = 0, found;
    while (fscanf(f, "%ld", &found) == 1)
        if (found != ++expected) fail("/steps has a gap");
    if (expected != steps) fail("/steps is short");
    printf("complete %ld\n", steps);
    fflush(stdout);
    return code;
}
