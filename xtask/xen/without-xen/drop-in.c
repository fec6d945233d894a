/* What libxl's userdata functions promise when they are the drop-in's, and libxl's own do not.
 *
 * usage: drop-in DOMID WHAT       with LD_PRELOAD=libuserdata_libxl.so, built for a simulated host
 *
 *   odd       null pointers, lengths, what is in the results after a failure, errno, the logger
 *   closed    all descriptors closed between two calls
 *   forks     sixteen threads that make calls, and children forked meanwhile that make calls, too
 *   panics    a panic in each function
 *
 * Domain DOMID exists, the one after it does not. Prints what is wrong and ends with 1, or ends
 * with 0 after it has printed how many calls it has made.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libxl.h>

#define FAIL (-3)
#define INVAL (-6)
#define LOCK_FAIL (-15)

/* What errno is before each call. */
#define BEFORE 77

static int calls, wrong;
static uint32_t domid;
static libxl_ctx *ctx;

static void check(int line, const char *call, int rc, int err, int want_rc, int want_err)
{
    calls++;
    if (rc == want_rc && err == want_err)
        return;
    printf("line %d: %s is %d with errno %d, and not %d with errno %d\n", line, call, rc, err,
           want_rc, want_err);
    wrong++;
}

#define IS(call, rc, err)                              \
    do {                                               \
        errno = BEFORE;                                \
        int rc_ = (call), errno_ = errno;              \
        check(__LINE__, #call, rc_, errno_, rc, err);  \
    } while (0)

#define TRUE(condition)                                         \
    do {                                                        \
        if (!(condition)) {                                     \
            printf("line %d: not %s\n", __LINE__, #condition);  \
            wrong++;                                            \
        }                                                       \
    } while (0)

/* A logger of the program's own. */
static char logged[4096];
static int lines;

static void keep(xentoollog_logger *logger, xentoollog_level level, int errnoval,
                 const char *context, const char *format, va_list rest)
{
    (void)logger, (void)errnoval;
    TRUE(level == XTL_ERROR);
    TRUE(context && !strcmp(context, "userdata"));
    vsnprintf(logged, sizeof logged, format, rest);
    lines++;
}

static void ignore_progress(xentoollog_logger *logger, const char *context, const char *doing,
                            int percent, unsigned long done, unsigned long total)
{
    (void)logger, (void)context, (void)doing, (void)percent, (void)done, (void)total;
}

static void ignore_end(xentoollog_logger *logger)
{
    (void)logger;
}

static xentoollog_logger logger = { keep, ignore_progress, ignore_end };

static int store(uint32_t id, const char *userid, const void *data, int length)
{
    return libxl_userdata_store(ctx, id, userid, data, length);
}

/* A retrieve that must fail, whose results must be defined. */
static int refused(libxl_ctx *of, uint32_t id, const char *userid)
{
    uint8_t *data = (uint8_t *)1;
    int length = -7;
    int rc = libxl_userdata_retrieve(of, id, userid, &data, &length);
    int err = errno;

    TRUE(data == NULL);
    TRUE(length == 0);
    errno = err;
    return rc;
}

/* Is this the value, in memory that free() takes? */
static bool is(uint32_t id, const char *userid, const void *want, int want_length)
{
    uint8_t *data = (uint8_t *)1;
    int length = -7;

    calls++;
    if (libxl_userdata_retrieve(ctx, id, userid, &data, &length))
        return false;
    bool same = want ? data && length == want_length && !memcmp(data, want, (size_t)length)
                     : !data && !length;
    free(data);
    return same;
}

static void odd_pointers(void)
{
    uint8_t *data = (uint8_t *)1;
    int length = -7;

    IS(libxl_userdata_store(NULL, domid, "xl", (const uint8_t *)"x", 1), INVAL, EINVAL);
    IS(store(domid, NULL, "x", 1), INVAL, EINVAL);
    IS(store(domid, "xl", NULL, 1), INVAL, EINVAL);
    IS(store(domid, "xl", "x", -1), INVAL, EINVAL);
    IS(store(domid, "xl", "x", INT_MIN), INVAL, EINVAL);
    IS(store(domid, "xl", NULL, INT_MIN), INVAL, EINVAL);
    IS(refused(NULL, domid, "xl"), INVAL, EINVAL);
    IS(refused(ctx, domid, NULL), INVAL, EINVAL);
    IS(libxl_userdata_unlink(NULL, domid, "xl"), INVAL, EINVAL);
    IS(libxl_userdata_unlink(ctx, domid, NULL), INVAL, EINVAL);
    TRUE(is(domid, "xl", NULL, 0));

    IS(store(domid, "xl", "a\0b", 3), 0, BEFORE);
    TRUE(is(domid, "xl", "a\0b", 3));
    IS(libxl_userdata_retrieve(ctx, domid, "xl", NULL, NULL), 0, BEFORE);
    IS(libxl_userdata_retrieve(ctx, domid, "xl", NULL, &length), 0, BEFORE);
    TRUE(length == 3);
    IS(libxl_userdata_retrieve(ctx, domid, "xl", &data, NULL), 0, BEFORE);
    TRUE(data && data != (uint8_t *)1 && !memcmp(data, "a\0b", 3));
    free(data);
    IS(store(domid, "xl", NULL, 0), 0, BEFORE);
    TRUE(is(domid, "xl", NULL, 0));
}

static void odd_codes(void)
{
    static const uint32_t none[] = { 0x7fef, 0x7ff0, 0x7fff, 0x8000, 70000, UINT32_MAX };
    char userid[300];

    memset(userid, 'u', sizeof userid);
    userid[sizeof userid - 1] = 0;
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        IS(store(none[i], "xl", "x", 1), LOCK_FAIL, ESRCH);
        IS(store(none[i], "xl", "", 0), LOCK_FAIL, ESRCH);
        IS(refused(ctx, none[i], "xl"), LOCK_FAIL, ESRCH);
        IS(libxl_userdata_unlink(ctx, none[i], "xl"), LOCK_FAIL, ESRCH);
    }
    IS(store(domid, "a/b", "x", 1), FAIL, EINVAL);
    IS(refused(ctx, domid, "a/b"), FAIL, EINVAL);
    IS(libxl_userdata_unlink(ctx, domid, "a/b"), FAIL, EINVAL);
    IS(store(domid, userid, "x", 1), FAIL, ENAMETOOLONG);
    IS(refused(ctx, domid, userid), FAIL, ENAMETOOLONG);
    IS(store(domid, "domain-userdata-lock", "x", 1), FAIL, EINVAL);
    IS(store(domid, "xl", "", 0), 0, BEFORE);
    IS(libxl_userdata_unlink(ctx, domid, "xl"), FAIL, ENOENT);
    IS(store(domid, "libxl-json", "{}", 2), 0, BEFORE);
    IS(libxl_userdata_unlink(ctx, domid, "libxl-json"), 0, BEFORE);
}

/* Where standard error goes while it is looked at. */
static char *on_stderr(void (*during)(void))
{
    static char text[4096];
    FILE *file = tmpfile();
    int before = dup(2);

    dup2(fileno(file), 2);
    during();
    dup2(before, 2);
    close(before);
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    return text;
}

static void fail(void)
{
    IS(store(domid + 1, "xl", "x", 1), LOCK_FAIL, ESRCH);
}

static void unlink_nothing(void)
{
    IS(libxl_userdata_unlink(ctx, domid, "xl"), FAIL, ENOENT);
}

/* A context without a logger, of which a failed call says one line on standard error. */
static void fail_without_logger(void)
{
    struct { xentoollog_logger *logger; } none = { NULL };

    IS(libxl_userdata_store((libxl_ctx *)&none, domid + 1, "xl", (const uint8_t *)"x", 1),
       LOCK_FAIL, ESRCH);
}

static void odd_reasons(void)
{
    char line[200];

    lines = 0;
    TRUE(!*on_stderr(fail));
    TRUE(lines == 1);
    snprintf(line, sizeof line,
             "libxl_userdata_store: cannot store 'xl' of domain %u: no such domain", domid + 1);
    TRUE(!strcmp(logged, line));
    strcat(line, "\n");
    lines = 0;
    TRUE(!strcmp(on_stderr(fail_without_logger), line));
    TRUE(!*on_stderr(unlink_nothing));
    TRUE(lines == 0);
}

static void odd(void)
{
    odd_pointers();
    odd_codes();
    odd_reasons();
}

static void closed(void)
{
    IS(store(domid, "xl", "one", 3), 0, BEFORE);
    TRUE(!close_range(3, ~0u, 0));
    IS(store(domid, "xl", "two", 3), 0, BEFORE);
    TRUE(!close_range(3, ~0u, 0));
    TRUE(is(domid, "xl", "two", 3));
    TRUE(!close_range(3, ~0u, 0));
    IS(libxl_userdata_unlink(ctx, domid, "xl"), 0, BEFORE);
    /* A descriptor that a call had left open would now be a number below this one. */
    int next = open("/dev/null", O_RDONLY);
    TRUE(next == 3);
}

enum { THREADS = 16, FORKS = 20, ROUNDS = 10 };

static bool enough;

/* Stores, reads and removes a value of its own. The lock of the domain may be another's for as long
 * as a call waits; nothing else may go wrong. */
static bool works(const char *userid)
{
    errno = 0;
    int rc = store(domid, userid, userid, (int)strlen(userid));

    if (rc == LOCK_FAIL && errno == ETIMEDOUT)
        return true;
    if (rc || !is(domid, userid, userid, (int)strlen(userid)))
        return false;
    rc = libxl_userdata_unlink(ctx, domid, userid);
    return !rc || (rc == LOCK_FAIL && errno == ETIMEDOUT);
}

static void *work(void *number)
{
    char userid[32];

    snprintf(userid, sizeof userid, "thread-%d", *(int *)number);
    for (int i = 0; i < ROUNDS || !__atomic_load_n(&enough, __ATOMIC_ACQUIRE); i++)
        if (!works(userid))
            return number;
    return NULL;
}

static void forks(void)
{
    pthread_t threads[THREADS];
    int numbers[THREADS], status;
    char userid[32];
    void *failed;

    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        TRUE(!pthread_create(&threads[i], NULL, work, &numbers[i]));
    }
    for (int i = 0; i < FORKS; i++) {
        snprintf(userid, sizeof userid, "child-%d", i);
        pid_t child = fork();
        if (!child) {
            /* A child that waits for what no thread of it will ever release. */
            alarm(120);
            _exit(works(userid) ? 0 : 1);
        }
        TRUE(child > 0 && waitpid(child, &status, 0) == child);
        TRUE(WIFEXITED(status) && !WEXITSTATUS(status));
    }
    __atomic_store_n(&enough, true, __ATOMIC_RELEASE);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], &failed);
        TRUE(!failed);
    }
}

static void panic_in_each(void)
{
    setenv("USERDATA_LIBXL_PANIC", "libxl_userdata_store", 1);
    IS(store(domid, "xl", "x", 1), FAIL, EIO);
    TRUE(strstr(logged, "libxl_userdata_store: internal error: "));
    setenv("USERDATA_LIBXL_PANIC", "libxl_userdata_retrieve", 1);
    IS(refused(ctx, domid, "xl"), FAIL, EIO);
    TRUE(strstr(logged, "libxl_userdata_retrieve: internal error: "));
    setenv("USERDATA_LIBXL_PANIC", "libxl_userdata_unlink", 1);
    IS(libxl_userdata_unlink(ctx, domid, "xl"), FAIL, EIO);
    TRUE(strstr(logged, "libxl_userdata_unlink: internal error: "));
    unsetenv("USERDATA_LIBXL_PANIC");
}

static void panics(void)
{
    lines = 0;
    /* Rust's own message is there as well: it names the line. */
    TRUE(strstr(on_stderr(panic_in_each), "was told to panic"));
    TRUE(lines == 3);
    IS(store(domid, "xl", "x", 1), 0, BEFORE);
    IS(libxl_userdata_unlink(ctx, domid, "xl"), 0, BEFORE);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } all[] = { { "odd", odd }, { "closed", closed }, { "forks", forks }, { "panics", panics } };

    if (argc != 3 || libxl_ctx_alloc(&ctx, LIBXL_VERSION, 0, &logger))
        return 2;
    domid = (uint32_t)strtoul(argv[1], NULL, 10);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (strcmp(argv[2], all[i].name))
            continue;
        all[i].run();
        printf("%d calls\n", calls);
        return wrong ? 1 : 0;
    }
    return 2;
}
