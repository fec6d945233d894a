/* The real libxl's userdata on a machine without Xen, as commands on standard input ask for it.
 *
 * usage: libxl-driver RUN-DIRECTORY
 *
 * The working directory is /var/lib/xen. Reads commands from standard input and answers each by one
 * line on standard output. A userid is the letter x and its bytes in hexadecimal.
 *
 *   domains N                       then N lines "DOMID UUID alive|dead": these domains exist
 *   store DOMID USERID LENGTH       then LENGTH bytes, none if it is negative
 *   retrieve DOMID USERID
 *   unlink DOMID USERID
 *   destroy DOMID                   libxl_domain_destroy
 *   hold                            the next call keeps libxl's lock when it has it: it says
 *                                   "held" and goes on when it reads a line
 *   exhaust                         the next call can open no file
 *
 * The answer is "rc=<what libxl returned>"; of a retrieve that returned 0 "rc=0 none" or
 * "rc=0 length=<n>" and then n bytes; "rc=0 there" of a destroy that left the domain alive.
 * Before it, "waits" says that libxl waits for a lock.
 *
 * Exit status: 0 at the end of the input, 2 usage or a command not understood, 3 no libxl.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <libxl.h>

#include "host.h"

static bool hold;

/* libxl calls its own lock through the dynamic linker, so this one comes first. */
void *libxl__lock_domain_userdata(void *gc, uint32_t domid)
{
    void *(*real)(void *, uint32_t) = dlsym(RTLD_NEXT, "libxl__lock_domain_userdata");
    void *lock = real ? real(gc, domid) : NULL;

    if (lock && hold) {
        char line[8];

        puts("held");
        fflush(stdout);
        if (!fgets(line, sizeof line, stdin))
            exit(2);
    }
    return lock;
}

/* Lets the process open files, or none. */
static bool may_open(bool open)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit))
        return false;
    limit.rlim_cur = open ? limit.rlim_max : 0;
    return !setrlimit(RLIMIT_NOFILE, &limit);
}

/* Bytes in hexadecimal after an x, made a string; NULL if that is not what they are. */
static char *unhex(char *word)
{
    char *from = word + 1, *to = word;
    unsigned byte;

    if (*word != 'x')
        return NULL;
    for (; *from; from += 2) {
        if (sscanf(from, "%2x", &byte) != 1 || !from[1])
            return NULL;
        *to++ = (char)byte;
    }
    *to = 0;
    return word;
}

static int store(libxl_ctx *ctx, uint32_t domid, const char *userid, int length)
{
    size_t bytes = length > 0 ? (size_t)length : 0;
    uint8_t *data = malloc(bytes + 1);

    if (!data || fread(data, 1, bytes, stdin) != bytes)
        exit(2);
    int rc = libxl_userdata_store(ctx, domid, userid, data, length);

    free(data);
    return rc;
}

static void retrieve(libxl_ctx *ctx, uint32_t domid, const char *userid)
{
    uint8_t *data = NULL;
    int length = 0;
    int rc = libxl_userdata_retrieve(ctx, domid, userid, &data, &length);

    if (rc) {
        printf("rc=%d\n", rc);
    } else if (!data) {
        printf("rc=0 none\n");
    } else {
        printf("rc=0 length=%d\n", length);
        fwrite(data, 1, (size_t)length, stdout);
    }
    free(data);
}

/* Does what a line says; false if it is not understood. */
static bool obey(libxl_ctx *ctx, char *line)
{
    char command[16], word[1024], *userid = NULL;
    unsigned number;
    int length = 0;

    if (sscanf(line, "domains %u", &number) == 1) {
        printf("rc=%d\n", host_read_domains(number) ? 0 : -1);
        return true;
    }
    if (!strcmp(line, "hold\n")) {
        hold = true;
        puts("rc=0");
        return true;
    }
    if (!strcmp(line, "exhaust\n")) {
        printf("rc=%d\n", may_open(false) ? 0 : -1);
        return true;
    }
    int words = sscanf(line, "%15s %u %1023s %d", command, &number, word, &length);
    if (words > 2 && !(userid = unhex(word)))
        return false;
    if (words == 4 && !strcmp(command, "store")) {
        printf("rc=%d\n", store(ctx, number, userid, length));
    } else if (words == 3 && !strcmp(command, "retrieve")) {
        retrieve(ctx, number, userid);
    } else if (words == 3 && !strcmp(command, "unlink")) {
        printf("rc=%d\n", libxl_userdata_unlink(ctx, number, userid));
    } else if (words == 2 && !strcmp(command, "destroy")) {
        int rc = libxl_domain_destroy(ctx, number, NULL);

        printf("rc=%d%s\n", rc, !rc && host_has(number) ? " there" : "");
    } else {
        return false;
    }
    hold = false;
    return may_open(true);
}

int main(int argc, char **argv)
{
    char line[2048];

    if (argc != 2)
        return 2;
    host_run_directory = argv[1];
    umask(022);
    xentoollog_logger *log =
        (xentoollog_logger *)xtl_createlogger_stdiostream(stderr, XTL_CRITICAL, 0);
    libxl_ctx *ctx = NULL;

    if (!log || libxl_ctx_alloc(&ctx, LIBXL_VERSION, 0, log))
        return 3;
    puts("ready");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        if (!obey(ctx, line))
            return 2;
        fflush(stdout);
    }
    libxl_ctx_free(ctx);
    xtl_logger_destroy(log);
    return 0;
}
