/* The real libxl's calls for userdata, for scripts and tests.
 *
 * usage: libxl-userdata DOMID USERID store < DATA
 *        libxl-userdata DOMID USERID retrieve > DATA
 *        libxl-userdata DOMID USERID unlink
 *        libxl-userdata DOMID USERID hold SECONDS < DATA
 *
 * `hold` stores too, but keeps libxl's lock for that long before the file is written; it writes
 * "held" to standard output as soon as it has the lock.
 *
 * The last line on standard error is "rc=<what libxl returned>", for retrieve "rc=0 length=<n>", or
 * "rc=0 none" where libxl returned no pointer. Exit status: 0 if rc is 0, else 1; 2 usage;
 * 3 no libxl.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libxl.h>

static unsigned hold_seconds;

/* libxl calls its own lock through the dynamic linker, so this one comes first. */
void *libxl__lock_domain_userdata(void *gc, uint32_t domid)
{
    void *(*real)(void *, uint32_t) = dlsym(RTLD_NEXT, "libxl__lock_domain_userdata");
    void *lock = real ? real(gc, domid) : NULL;

    if (lock && hold_seconds) {
        puts("held");
        fflush(stdout);
        sleep(hold_seconds);
    }
    return lock;
}

static uint8_t *read_all(int *length)
{
    size_t used = 0, room = 1 << 16, got;
    uint8_t *data = malloc(room);

    while (data && (got = fread(data + used, 1, room - used, stdin)) > 0) {
        used += got;
        if (used == room)
            data = realloc(data, room *= 2);
    }
    *length = (int)used;
    return data;
}

static int store(libxl_ctx *ctx, uint32_t domid, const char *userid)
{
    int length = 0;
    uint8_t *data = read_all(&length);
    int rc = data ? libxl_userdata_store(ctx, domid, userid, data, length) : ERROR_NOMEM;

    free(data);
    fprintf(stderr, "rc=%d\n", rc);
    return rc;
}

static int retrieve(libxl_ctx *ctx, uint32_t domid, const char *userid)
{
    uint8_t *data = NULL;
    int length = 0;
    int rc = libxl_userdata_retrieve(ctx, domid, userid, &data, &length);

    if (!rc && data)
        fwrite(data, 1, (size_t)length, stdout);
    if (rc)
        fprintf(stderr, "rc=%d\n", rc);
    else if (data)
        fprintf(stderr, "rc=0 length=%d\n", length);
    else
        fprintf(stderr, "rc=0 none\n");
    free(data);
    return rc;
}

static int unlink_userdata(libxl_ctx *ctx, uint32_t domid, const char *userid)
{
    int rc = libxl_userdata_unlink(ctx, domid, userid);

    fprintf(stderr, "rc=%d\n", rc);
    return rc;
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    uint32_t domid = (uint32_t)strtoul(argv[1], NULL, 10);
    const char *userid = argv[2], *call = argv[3];
    xentoollog_logger *log =
        (xentoollog_logger *)xtl_createlogger_stdiostream(stderr, XTL_WARN, 0);
    libxl_ctx *ctx = NULL;

    if (!log || libxl_ctx_alloc(&ctx, LIBXL_VERSION, 0, log)) {
        fprintf(stderr, "no libxl\n");
        return 3;
    }
    int rc;
    if (!strcmp(call, "store")) {
        rc = store(ctx, domid, userid);
    } else if (!strcmp(call, "hold") && argc > 4) {
        hold_seconds = (unsigned)strtoul(argv[4], NULL, 10);
        rc = store(ctx, domid, userid);
    } else if (!strcmp(call, "retrieve")) {
        rc = retrieve(ctx, domid, userid);
    } else if (!strcmp(call, "unlink")) {
        rc = unlink_userdata(ctx, domid, userid);
    } else {
        return 2;
    }
    libxl_ctx_free(ctx);
    xtl_logger_destroy(log);
    return rc ? 1 : 0;
}
