/* Stores a different value each time through the real libxl and reads it back, again and again,
 * until it is told to end (SIGTERM), libxl fails, or another value than the last is there.
 *
 * usage: libxl-reread DOMID USERID
 *
 * Writes "stores=<n> rc=<last> lost=<0 or 1>" at the end. Exit status: 0; 2 usage; 3 no libxl.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxl.h>

static volatile sig_atomic_t told;

static void tell(int signal)
{
    told = signal;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    uint32_t domid = (uint32_t)strtoul(argv[1], NULL, 10);
    xentoollog_logger *log =
        (xentoollog_logger *)xtl_createlogger_stdiostream(stderr, XTL_CRITICAL, 0);
    libxl_ctx *ctx = NULL;

    if (!log || libxl_ctx_alloc(&ctx, LIBXL_VERSION, 0, log))
        return 3;
    signal(SIGTERM, tell);
    unsigned long stores = 0;
    int rc = 0, lost = 0;
    while (!rc && !lost && !told) {
        char value[32];
        uint8_t *found = NULL;
        int room = snprintf(value, sizeof value, "%lu", stores + 1), length = 0;

        rc = libxl_userdata_store(ctx, domid, argv[2], (uint8_t *)value, room);
        if (rc)
            break;
        stores++;
        rc = libxl_userdata_retrieve(ctx, domid, argv[2], &found, &length);
        lost = !rc && (!found || length != room || memcmp(found, value, (size_t)room));
        free(found);
    }
    printf("stores=%lu rc=%d lost=%d\n", stores, rc, lost);
    libxl_ctx_free(ctx);
    xtl_logger_destroy(log);
    return 0;
}
