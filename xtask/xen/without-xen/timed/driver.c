/* The real libxl's userdata on a machine without Xen, timed by the process that calls it.
 *
 * usage: libxl-timed [FOLDER HOST]
 *
 * With FOLDER, the C library and the drop-in of this project are loaded from there. The C library
 * takes the domains from the simulated host in the file HOST.
 *
 * The working directory is /var/lib/xen. Reads commands from standard input and answers each by one
 * line on standard output:
 *
 *   domains N             then N lines "DOMID UUID alive|dead": these domains exist
 *   retrieve DOMID E N    libxl_userdata_retrieve of userid "xl", N times
 *   store DOMID E N       libxl_userdata_store of userid "xl", N times, each time another value
 *   glob DOMID E N        glob(3) as libxl__userdata_destroyall calls it, N times; not libxl's own
 *                         code, because libxl has no call that lists
 *   destroyall DOMID E N  libxl__userdata_destroyall of five values between libxl's lock and
 *                         unlock, as in libxl_domain_destroy, N times; storing the values
 *                         is not timed
 *   c-retrieve, c-store   as retrieve and store, by the C library
 *   d-retrieve, d-store   as retrieve and store, by the drop-in
 *
 * E calls come first that are not timed. The answer is "ns=<nanoseconds for all N>", or "failed:
 * <what>". Values have 4096 bytes. The time is the monotonic clock's, read before and after the
 * calls.
 *
 * Exit status: 0 at the end of the input, 2 usage or a command not understood, 3 no libxl or no
 * libraries.
 *
 * It is linked to libxl's static archive: libxl__userdata_destroyall is not exported by the shared
 * library.
 */
#define _GNU_SOURCE
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <libxl.h>

#include "../host.h"
#include "libraries.h"

#define VALUE_LEN 4096
#define VALUES 5

/* What libxl_internal.h of 4.17 declares. */
struct gc {
    int max;
    void **pointers;
    libxl_ctx *owner;
};
void *libxl__lock_domain_userdata(struct gc *, uint32_t domid);
void libxl__unlock_file(void *lock);
void libxl__userdata_destroyall(struct gc *, uint32_t domid);
const char *libxl__userdata_path(struct gc *, uint32_t domid, const char *userid, const char *kind);
void libxl__free_all(struct gc *);

static libxl_ctx *ctx;
static uint8_t value[VALUE_LEN];

/* Each call does one thing once, and returns what went wrong. */
typedef const char *call(uint32_t domid);

static void next_value(void)
{
    static uint64_t stored;

    stored++;
    memcpy(value, &stored, sizeof stored);
}

static const char *store_as(uint32_t domid, const char *userid)
{
    next_value();
    return libxl_userdata_store(ctx, domid, userid, value, sizeof value) ? "a store" : NULL;
}

static const char *store(uint32_t domid)
{
    return store_as(domid, "xl");
}

static const char *retrieve(uint32_t domid)
{
    uint8_t *data = NULL;
    int length = 0;

    if (libxl_userdata_retrieve(ctx, domid, "xl", &data, &length))
        return "a retrieve";
    free(data);
    return length == VALUE_LEN ? NULL : "a retrieve gave another length";
}

static const char *c_retrieve(uint32_t domid)
{
    return library_retrieve(domid, sizeof value);
}

static const char *c_store(uint32_t domid)
{
    next_value();
    return library_store(domid, value, sizeof value);
}

static const char *d_retrieve(uint32_t domid)
{
    return drop_in_retrieve(domid, sizeof value);
}

static const char *d_store(uint32_t domid)
{
    next_value();
    return drop_in_store(domid, value, sizeof value);
}

/* The calls that need no preparation. */
static const struct {
    const char *name;
    call *once;
    bool of_libraries;
} calls[] = {
    { "retrieve", retrieve, false },    { "store", store, false },
    { "c-retrieve", c_retrieve, true }, { "c-store", c_store, true },
    { "d-retrieve", d_retrieve, true }, { "d-store", d_store, true },
};

static bool has_libraries;

static char pattern[4096];

static const char *list(uint32_t domid)
{
    glob_t found;

    (void)domid;
    if (glob(pattern, GLOB_ERR | GLOB_NOSORT | GLOB_MARK, NULL, &found))
        return "glob";
    size_t count = found.gl_pathc;
    globfree(&found);
    return count == VALUES ? NULL : "glob found another number of files";
}

static const char *fill(uint32_t domid)
{
    const char *wrong = NULL;

    for (int i = 0; i < VALUES && !wrong; i++) {
        char userid[16];

        snprintf(userid, sizeof userid, "value-%d", i);
        wrong = store_as(domid, userid);
    }
    return wrong;
}

static const char *destroyall(uint32_t domid)
{
    struct gc gc = { 0, NULL, ctx };
    void *lock = libxl__lock_domain_userdata(&gc, domid);

    if (!lock)
        return "libxl's lock";
    libxl__userdata_destroyall(&gc, domid);
    libxl__unlock_file(lock);
    libxl__free_all(&gc);
    return NULL;
}

/* The pattern by which libxl__userdata_destroyall finds the files of a domain. */
static const char *make_pattern(uint32_t domid)
{
    struct gc gc = { 0, NULL, ctx };
    const char *path = libxl__userdata_path(&gc, domid, "*", "?");

    if (path)
        snprintf(pattern, sizeof pattern, "%s", path);
    libxl__free_all(&gc);
    return path ? NULL : "libxl knows no path of the domain";
}

static uint64_t now(void)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    return (uint64_t)at.tv_sec * 1000000000 + (uint64_t)at.tv_nsec;
}

/* Makes a call so often, and says how long that took, what prepares each call left out. The early
 * calls are not timed. */
static void timed(call *prepare, call *once, uint32_t domid, unsigned early, unsigned times)
{
    const char *wrong = NULL;
    uint64_t spent = 0, started = 0;

    for (unsigned i = 0; i < early + times && !wrong; i++) {
        if (prepare && (wrong = prepare(domid)))
            break;
        if (prepare || i == early)
            started = now();
        wrong = once(domid);
        if (prepare && i >= early)
            spent += now() - started;
    }
    if (!prepare)
        spent = now() - started;
    if (wrong)
        printf("failed: %s\n", wrong);
    else
        printf("ns=%llu\n", (unsigned long long)spent);
}

/* Does what a line says; false if it is not understood. */
static bool obey(char *line)
{
    char command[16];
    unsigned domid, early, times;

    if (sscanf(line, "domains %u", &domid) == 1) {
        puts(host_read_domains(domid) ? "ns=0" : "failed: the domains");
        return true;
    }
    if (sscanf(line, "%15s %u %u %u", command, &domid, &early, &times) != 4)
        return false;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (!strcmp(command, calls[i].name) && (has_libraries || !calls[i].of_libraries)) {
            timed(NULL, calls[i].once, domid, early, times);
            return true;
        }
    if (!strcmp(command, "glob")) {
        const char *wrong = make_pattern(domid);

        if (wrong)
            printf("failed: %s\n", wrong);
        else
            timed(NULL, list, domid, early, times);
    } else if (!strcmp(command, "destroyall")) {
        timed(fill, destroyall, domid, early, times);
    } else {
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    char line[256];

    if (argc != 1 && argc != 3)
        return 2;
    umask(022);
    xentoollog_logger *log =
        (xentoollog_logger *)xtl_createlogger_stdiostream(stderr, XTL_ERROR, 0);

    if (!log || libxl_ctx_alloc(&ctx, LIBXL_VERSION, 0, log))
        return 3;
    has_libraries = argc == 3;
    if (has_libraries && !libraries_load(argv[1], argv[2], ctx))
        return 3;
    puts("ready");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        if (!obey(line))
            return 2;
        fflush(stdout);
    }
    libxl_ctx_free(ctx);
    xtl_logger_destroy(log);
    return 0;
}
