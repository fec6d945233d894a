/* Where the real libxl's files are: those of /var/lib/xen in the working directory, those of
 * /var/run/xen elsewhere, so that libxl needs neither the folders of a Xen host nor root.
 *
 * libxl gives these calls absolute names, and calls them through the dynamic linker, so the
 * definitions in the program come first. A name below /var/lib/xen is cut to the part behind it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host.h"

const char *host_run_directory = "/nonexistent";

/* The real function of a name. Without it nothing here can go on. */
static void *real(const char *name)
{
    void *function = dlsym(RTLD_NEXT, name);

    if (!function)
        abort();
    return function;
}

/* It is looked up once, so that a call that is timed costs what it costs without this file. */
#define REAL(name)                                  \
    ({                                              \
        static __typeof__(&name) function;          \
        if (!function)                              \
            function = (__typeof__(&name))real(#name); \
        function;                                   \
    })

struct place {
    char path[4096];
};

static const char *placed(const char *path, struct place *at)
{
    static const char lib[] = "/var/lib/xen/";
    static const char *const run[] = { "/var/run/xen/", "/run/xen/" };

    if (!strncmp(path, lib, strlen(lib)))
        return path + strlen(lib);
    for (int i = 0; i < 2; i++)
        if (!strncmp(path, run[i], strlen(run[i]))) {
            snprintf(at->path, sizeof at->path, "%s/%s", host_run_directory,
                     path + strlen(run[i]));
            return at->path;
        }
    return path;
}

int open(const char *path, int flags, ...)
{
    struct place at;
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return REAL(open)(placed(path, &at), flags, mode);
}

FILE *fopen(const char *restrict path, const char *restrict mode)
{
    struct place at;
    return REAL(fopen)(placed(path, &at), mode);
}

int rename(const char *from, const char *to)
{
    struct place at, there;
    return REAL(rename)(placed(from, &at), placed(to, &there));
}

int unlink(const char *path)
{
    struct place at;
    return REAL(unlink)(placed(path, &at));
}

int stat(const char *restrict path, struct stat *restrict buf)
{
    struct place at;
    return REAL(stat)(placed(path, &at), buf);
}

int lstat(const char *restrict path, struct stat *restrict buf)
{
    struct place at;
    return REAL(lstat)(placed(path, &at), buf);
}

int glob(const char *restrict pattern, int flags, int (*error)(const char *, int),
         glob_t *restrict found)
{
    struct place at;
    return REAL(glob)(placed(pattern, &at), flags, error, found);
}

bool host_tells_waits = true;

/* Says "waits" before libxl begins to wait for a lock that another process has. */
int flock(int fd, int operation)
{
    if (host_tells_waits && operation == LOCK_EX) {
        if (!REAL(flock)(fd, LOCK_EX | LOCK_NB))
            return 0;
        if (errno != EWOULDBLOCK)
            return -1;
        puts("waits");
        fflush(stdout);
    }
    return REAL(flock)(fd, operation);
}
