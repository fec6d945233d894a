/* Wrong calls: each is refused with the code that the header gives, and none ends the process.
 * Called with a third argument, it also uses what is freed: not under a tool that reports that. */
#include "check.h"

#include <limits.h>

static userdata_ctx *ctx;

static int destroys_nothing(void *user, uint32_t domid, const uint8_t *uuid)
{
    (void)domid;
    (void)uuid;
    *(int *)user += 1;
    return 0;
}

static void wrong_options(void)
{
    userdata_options how = options();
    userdata_ctx *made = (userdata_ctx *)&how;
    struct {
        userdata_options known;
        uint64_t more;
    } newer;
    char shifted[sizeof how + 8];

    IS(userdata_ctx_alloc(NULL, USERDATA_API_VERSION, &how), USERDATA_ERROR_INVAL);
    IS(userdata_ctx_alloc(&made, 7, &how), USERDATA_ERROR_VERSION);
    OK(!made);
    IS(userdata_ctx_alloc(&made, 0, &how), USERDATA_ERROR_VERSION);
    if (access("/dev/xen/privcmd", F_OK) && access("/proc/xen/privcmd", F_OK)) {
        IS(userdata_ctx_alloc(&made, USERDATA_API_VERSION, NULL), USERDATA_ERROR_UNAVAILABLE);
        how.hypervisor = "auto";
        IS(userdata_ctx_alloc(&made, USERDATA_API_VERSION, &how), USERDATA_ERROR_UNAVAILABLE);
    }
    how.hypervisor = "kvm";
    IS(userdata_ctx_alloc(&made, USERDATA_API_VERSION, &how), USERDATA_ERROR_INVAL);
    how = options();
    how.size = 0;
    IS(userdata_ctx_alloc(&made, USERDATA_API_VERSION, &how), USERDATA_ERROR_INVAL);
    how.size = sizeof how - 1;
    IS(userdata_ctx_alloc(&made, USERDATA_API_VERSION, &how), USERDATA_ERROR_INVAL);
    how.size = (size_t)-1;
    IS(userdata_ctx_alloc(&made, USERDATA_API_VERSION, &how), USERDATA_ERROR_VERSION);
    how = options();
    memcpy(shifted + 1, &how, sizeof how);
    IS(userdata_ctx_alloc(&made, USERDATA_API_VERSION, (userdata_options *)(void *)(shifted + 1)),
       USERDATA_ERROR_INVAL);

    memset(&newer, 0, sizeof newer);
    newer.known = options();
    newer.known.size = sizeof newer;
    IS(userdata_ctx_alloc(&made, USERDATA_API_VERSION, &newer.known), 0);
    userdata_ctx_free(made);
    newer.more = 1;
    IS(userdata_ctx_alloc(&made, USERDATA_API_VERSION, &newer.known), USERDATA_ERROR_VERSION);

    how.durability = 3;
    IS(userdata_ctx_alloc(&made, USERDATA_API_VERSION, &how), USERDATA_ERROR_INVAL);
    how.durability = 0;
    how.flags = 2;
    IS(userdata_ctx_alloc(&made, USERDATA_API_VERSION, &how), USERDATA_ERROR_INVAL);
    how.flags = 0;
    how.directory = "/nowhere";
    IS(userdata_ctx_alloc(&made, USERDATA_API_VERSION, &how), USERDATA_ERROR_FAIL);
    OK(!made);
}

static void wrong_contexts(userdata_ctx *wrong)
{
    userdata_list *list = (userdata_list *)&list;
    userdata_closing *closing = (userdata_closing *)&closing;
    void *data = &data;
    size_t length = 9;
    int rc = 9;
    int calls = 0;

    IS(userdata_store(wrong, 5, NULL, "agent", "x", 1), USERDATA_ERROR_INVAL);
    IS(userdata_store_if(wrong, 5, NULL, "agent", "x", 1, NULL), USERDATA_ERROR_INVAL);
    IS(userdata_retrieve(wrong, 5, NULL, "agent", &data, &length), USERDATA_ERROR_INVAL);
    OK(!data && !length);
    IS(userdata_remove(wrong, 5, NULL, "agent"), USERDATA_ERROR_INVAL);
    IS(userdata_list_get(wrong, 5, NULL, &list), USERDATA_ERROR_INVAL);
    OK(!list);
    IS(userdata_clear(wrong, 5, NULL, 0), USERDATA_ERROR_INVAL);
    IS(userdata_destroy(wrong, 5, NULL, destroys_nothing, &calls, &rc), USERDATA_ERROR_INVAL);
    IS(rc + calls, 0);
    IS(userdata_closing_begin(wrong, 5, NULL, &closing), USERDATA_ERROR_INVAL);
    OK(!closing);
    IS(userdata_sweep(wrong, NULL, NULL), USERDATA_ERROR_INVAL);
    IS(userdata_export(wrong, 5, NULL, 1, 0), USERDATA_ERROR_INVAL);
    IS(userdata_import(wrong, 5, NULL, 0, 0), USERDATA_ERROR_INVAL);
}

static void wrong_arguments(void)
{
    static const char *const refused[] = {"",           "a/b", "a b",  ".",       "..",
                                          "libxl-json", "\t",  "\xc3", "a\nb",
                                          "domain-userdata-lock"};
    size_t i, length;
    char long_userid[300];
    char *large;
    void *data;
    int calls = 0;
    int rc = 5;

    for (i = 0; i < sizeof refused / sizeof *refused; i++)
        IS(store_text(ctx, 5, refused[i], "x"), USERDATA_ERROR_INVAL);
    memset(long_userid, 'u', sizeof long_userid - 1);
    long_userid[sizeof long_userid - 1] = 0;
    IS(store_text(ctx, 5, long_userid, "x"), USERDATA_ERROR_INVAL);
    long_userid[128] = 0;
    IS(store_text(ctx, 5, long_userid, "x"), 0);
    IS(userdata_remove(ctx, 5, NULL, "libxl-json"), USERDATA_ERROR_INVAL);
    IS(userdata_store(ctx, 5, NULL, NULL, "x", 1), USERDATA_ERROR_INVAL);
    IS(userdata_retrieve(ctx, 5, NULL, NULL, &data, &length), USERDATA_ERROR_INVAL);
    IS(userdata_remove(ctx, 5, NULL, NULL), USERDATA_ERROR_INVAL);
    IS(userdata_retrieve(ctx, 5, NULL, "agent", NULL, NULL), 0);

    IS(userdata_store(ctx, 5, NULL, "agent", NULL, 1), USERDATA_ERROR_INVAL);
    IS(userdata_store(ctx, 5, NULL, "agent", "x", (size_t)-1), USERDATA_ERROR_LIMIT);
    IS(userdata_store(ctx, 5, NULL, "agent", "x", (size_t)PTRDIFF_MAX + 1), USERDATA_ERROR_LIMIT);
    large = (char *)malloc((1 << 20) + 1);
    memset(large, 'm', (1 << 20) + 1);
    IS(userdata_store(ctx, 5, NULL, "agent", large, (1 << 20) + 1), USERDATA_ERROR_LIMIT);
    IS(userdata_store(ctx, 5, NULL, "agent", large, 1 << 20), 0);
    free(large);

    IS(store_text(ctx, 9999, "agent", "x"), USERDATA_ERROR_NO_DOMAIN);
    IS(store_text(ctx, 0x7ff0, "agent", "x"), USERDATA_ERROR_NO_DOMAIN);
    IS(store_text(ctx, 65541, "agent", "x"), USERDATA_ERROR_NO_DOMAIN);
    IS(store_text(ctx, 0xffffffffu, "agent", "x"), USERDATA_ERROR_NO_DOMAIN);
    IS(userdata_store(ctx, 5, (const uint8_t *)"0123456789abcdef", "agent", "x", 1),
       USERDATA_ERROR_NO_DOMAIN);

    IS(userdata_clear(ctx, 5, NULL, 2), USERDATA_ERROR_INVAL);
    IS(userdata_destroy(ctx, 5, NULL, NULL, NULL, &rc), USERDATA_ERROR_INVAL);
    IS(rc, 0);
    IS(userdata_destroy(ctx, 5, NULL, destroys_nothing, &calls, NULL), USERDATA_ERROR_CALLBACK);
    IS(calls, 1);
    IS(userdata_destroy(ctx, 9999, NULL, destroys_nothing, &calls, NULL), USERDATA_ERROR_NO_DOMAIN);
    IS(calls, 1);
    IS(userdata_closing_begin(ctx, 5, NULL, NULL), USERDATA_ERROR_INVAL);
    IS(userdata_closing_end(NULL, 1), USERDATA_ERROR_INVAL);
    IS(userdata_list_get(ctx, 5, NULL, NULL), USERDATA_ERROR_INVAL);
    IS(userdata_export(ctx, 5, NULL, -1, 0), USERDATA_ERROR_INVAL);
    IS(userdata_export(ctx, 5, NULL, 987, 0), USERDATA_ERROR_INVAL);
    IS(userdata_export(ctx, 5, NULL, 1, 2), USERDATA_ERROR_INVAL);
    IS(userdata_import(ctx, 5, NULL, -1, 0), USERDATA_ERROR_INVAL);
    IS(userdata_import(ctx, 5, NULL, INT_MAX, 0), USERDATA_ERROR_INVAL);
    IS(userdata_import(ctx, 5, NULL, 0, 8), USERDATA_ERROR_INVAL);
    IS(userdata_import(ctx, 5, NULL, 0, USERDATA_IMPORT_REPLACE | USERDATA_IMPORT_KEEP),
       USERDATA_ERROR_INVAL);
    OK(store_text(ctx, 5, "agent", "still here") == 0 && has(ctx, 5, "agent", "still here"));
}

static void wrong_lists_and_sweeps(void)
{
    userdata_sweep_options how = USERDATA_SWEEP_OPTIONS_INIT;
    userdata_sweep_totals totals = USERDATA_SWEEP_TOTALS_INIT;
    userdata_list *list;
    size_t index = 4;

    IS(userdata_list_count(NULL), 0);
    OK(!userdata_list_userid(NULL, 0));
    IS(userdata_list_size(NULL, 0), 0);
    IS(userdata_list_condition(NULL, 0), USERDATA_ERROR_INVAL);
    IS(userdata_list_find(NULL, "agent", &index), USERDATA_ERROR_INVAL);
    IS(index, 0);
    IS(userdata_list_get(ctx, 5, NULL, &list), 0);
    IS(userdata_list_find(list, NULL, &index), USERDATA_ERROR_INVAL);
    IS(userdata_list_find(list, "agent", NULL), 0);
    OK(!userdata_list_userid(list, (size_t)-1));
    userdata_list_free(list);

    how.size = 0;
    totals.removed = 5;
    IS(userdata_sweep(ctx, &how, &totals), USERDATA_ERROR_INVAL);
    IS(totals.removed, 0);
    how.size = sizeof how;
    how.flags = 4;
    IS(userdata_sweep(ctx, &how, NULL), USERDATA_ERROR_INVAL);
    how.flags = 0;
    totals.size = 3;
    IS(userdata_sweep(ctx, &how, &totals), USERDATA_ERROR_INVAL);
    how.sightings = (userdata_sightings *)(void *)ctx; /* another kind of thing */
    IS(userdata_sweep(ctx, &how, NULL), USERDATA_ERROR_INVAL);
    IS(userdata_sightings_alloc(NULL), USERDATA_ERROR_INVAL);
}

static void texts(void)
{
    int code;

    for (code = -21; code < 2; code++)
        OK(userdata_strerror(code) && *userdata_strerror(code));
    OK(strcmp(userdata_strerror(-7), userdata_strerror(-8)));
    OK(userdata_strerror(INT_MIN) && userdata_strerror(INT_MAX));
    OK(userdata_version()[0] >= '0' && userdata_version()[0] <= '9');
}

int main(int argc, char **argv)
{
    userdata_options how;
    uint8_t uuid[16];
    int open_before;
    char *shifted;

    begin(argc, argv);
    create(5, uuid);
    how = options();
    open_before = descriptors();
    wrong_options();
    IS(userdata_ctx_alloc(&ctx, USERDATA_API_VERSION, &how), 0);
    if (!ctx)
        return end("misuse");
    wrong_contexts(NULL);
    shifted = (char *)(void *)ctx + 1;
    wrong_contexts((userdata_ctx *)(void *)shifted);
    {
        uint64_t not_one[32];
        memset(not_one, 0, sizeof not_one);
        wrong_contexts((userdata_ctx *)(void *)not_one);
    }

    errno = 77;
    IS(store_text(ctx, 5, "agent", "x"), 0);
    IS(errno, 77);
    IS(store_text(ctx, 9999, "agent", "x"), USERDATA_ERROR_NO_DOMAIN);
    IS(errno, 77);
    IS(userdata_store(NULL, 5, NULL, "agent", "x", 1), USERDATA_ERROR_INVAL);
    IS(errno, 77);

    wrong_arguments();
    wrong_lists_and_sweeps();
    texts();
#ifdef TEST_PANICS
    {
        int before = lines;
        IS(store_text(ctx, 5, "panic", "x"), USERDATA_ERROR_INTERNAL);
        IS(lines, before + 1);
        IS(store_text(ctx, 5, "agent", "again"), 0);
    }
#endif
    userdata_ctx_free(NULL);
    userdata_free(NULL);
    userdata_list_free(NULL);
    userdata_sightings_free(NULL);
    userdata_ctx_free(ctx);
    IS(descriptors(), open_before);
    if (argc > 3) {
        wrong_contexts(ctx);
        userdata_ctx_free(ctx);
    }
    return end("misuse");
}
