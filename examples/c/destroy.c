/* Destroys a domain together with its data, by a command such as "xl destroy 5".
 *
 *   cc destroy.c $(pkg-config --cflags --libs userdata) -o destroy
 *   ./destroy DOMID HYPERVISOR COMMAND
 */
#include <userdata.h>

#include <stdio.h>
#include <stdlib.h>

/* While this runs, every store for the domain is refused. */
static int run(void *user, uint32_t domid, const uint8_t *uuid)
{
    (void)domid;
    (void)uuid;
    return system((const char *)user);
}

int main(int argc, char **argv)
{
    userdata_options options = USERDATA_OPTIONS_INIT;
    userdata_ctx *ctx;
    int rc, status;

    if (argc < 4) {
        fprintf(stderr, "usage: %s DOMID HYPERVISOR COMMAND\n", argv[0]);
        return 2;
    }
    options.hypervisor = argv[2];
    rc = userdata_ctx_alloc(&ctx, USERDATA_API_VERSION, &options);
    if (rc == 0) {
        uint32_t domid = (uint32_t)strtoul(argv[1], NULL, 10);
        rc = userdata_destroy(ctx, domid, NULL, run, argv[3], &status);
        if (rc == USERDATA_ERROR_CALLBACK)
            fprintf(stderr, "the command ended with %d, or the domain lives\n", status);
        userdata_ctx_free(ctx);
    }
    if (rc < 0)
        fprintf(stderr, "%s\n", userdata_strerror(rc));
    return -rc;
}
