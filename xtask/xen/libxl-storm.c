/* Stores a value through the real libxl again and again, until libxl refuses.
 *
 * usage: libxl-storm DOMID USERID
 *
 * Writes "storing" after the first store, and at the end "stores=<n> rc=<last>". Exit status: 0 if
 * at least one store succeeded, else 1; 2 usage; 3 no libxl.
 */
#include <stdio.h>
#include <stdlib.h>

#include <libxl.h>

int main(int argc, char **argv)
{
    static const uint8_t value[] = "stored in a storm";

    if (argc < 3)
        return 2;
    uint32_t domid = (uint32_t)strtoul(argv[1], NULL, 10);
    xentoollog_logger *log =
        (xentoollog_logger *)xtl_createlogger_stdiostream(stderr, XTL_CRITICAL, 0);
    libxl_ctx *ctx = NULL;

    if (!log || libxl_ctx_alloc(&ctx, LIBXL_VERSION, 0, log))
        return 3;
    unsigned long stores = 0;
    int rc;
    while (!(rc = libxl_userdata_store(ctx, domid, argv[2], value, sizeof value))) {
        if (!stores++) {
            puts("storing");
            fflush(stdout);
        }
    }
    printf("stores=%lu rc=%d\n", stores, rc);
    libxl_ctx_free(ctx);
    xtl_logger_destroy(log);
    return stores ? 0 : 1;
}
