/* Creates a domain by a configuration of libxl's, with a domid of one's own choice: also one that
 * was in use a moment ago, which xl avoids.
 *
 * usage: libxl-create DOMID UUID < LIBXL-JSON
 *
 * It is left paused. Exit status: 0 if it was created, else 1; 2 usage; 3 no libxl.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <libxl.h>

int main(int argc, char **argv)
{
    static char json[1 << 16];

    if (argc < 3)
        return 2;
    /* Where libxl notes which domids are too recent to be used again. */
    unlink("/var/run/xen/domid-history");
    xentoollog_logger *log =
        (xentoollog_logger *)xtl_createlogger_stdiostream(stderr, XTL_WARN, 0);
    libxl_ctx *ctx = NULL;

    if (!log || libxl_ctx_alloc(&ctx, LIBXL_VERSION, 0, log))
        return 3;
    libxl_domain_config config;
    uint32_t domid = 0;
    libxl_domain_config_init(&config);
    json[fread(json, 1, sizeof json - 1, stdin)] = 0;
    int rc = libxl_domain_config_from_json(ctx, &config, json);
    if (!rc)
        rc = libxl_uuid_from_string(&config.c_info.uuid, argv[2]);
    if (!rc) {
        config.c_info.domid = (libxl_domid)strtoul(argv[1], NULL, 10);
        rc = libxl_domain_create_new(ctx, &config, &domid, NULL, NULL);
    }
    fprintf(stderr, "rc=%d domid=%u\n", rc, domid);
    libxl_domain_config_dispose(&config);
    libxl_ctx_free(ctx);
    xtl_logger_destroy(log);
    return rc ? 1 : 0;
}
