/* One context, sixteen threads, and children that are forked beside them. Prints the longest store.
 * Called as: threads COMMAND FOLDER [SECONDS [LIMIT [CHILDREN]]]; a store that takes longer than
 * LIMIT seconds is a failure. */
#include "check.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#define THREADS 16

static userdata_ctx *ctx;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int stop;
static long rounds;
static double longest;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int is_stopped(void)
{
    int stopped;
    pthread_mutex_lock(&mutex);
    stopped = stop;
    pthread_mutex_unlock(&mutex);
    return stopped;
}

static void *work(void *number)
{
    long thread = (long)number;
    long round;
    char userid[16], value[64];

    snprintf(userid, sizeof userid, "t%ld", thread % 4);
    for (round = 0; !is_stopped(); round++) {
        void *data;
        size_t length;
        double took = now();
        int stored, retrieved, whole;

        snprintf(value, sizeof value, "value-%ld-%ld", thread, round);
        stored = userdata_store(ctx, 5, NULL, userid, value, strlen(value));
        took = now() - took;
        retrieved = userdata_retrieve(ctx, 5, NULL, userid, &data, &length);
        whole = data && length > 6 && !memcmp(data, "value-", 6);
        userdata_free(data);
        pthread_mutex_lock(&mutex);
        IS(stored, 0);
        IS(retrieved, 0);
        OK(whole);
        rounds++;
        if (took > longest)
            longest = took;
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

/* A child stores and reads with the context of its parent. If it can, it kills itself: valgrind
 * does not look then for what the parent's other threads hold. */
static void in_child(void)
{
    void *data = NULL;
    size_t length;
    int rc;

    alarm(60);
    rc = userdata_store(ctx, 5, NULL, "child", "c", 1);
    if (rc == 0)
        rc = userdata_retrieve(ctx, 5, NULL, "child", &data, &length);
    userdata_free(data);
    if (rc == 0)
        raise(SIGKILL);
    _exit(-rc);
}

static void print_line(void *user, int level, const char *line)
{
    (void)user;
    (void)level;
    fprintf(stderr, "%s\n", line);
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    userdata_options how;
    uint8_t uuid[16];
    long i, children;
    double seconds, limit, until;

    begin(argc, argv);
    seconds = argc > 3 ? atof(argv[3]) : 5;
    limit = argc > 4 ? atof(argv[4]) : 10;
    children = argc > 5 ? atol(argv[5]) : 20;
    create(5, uuid);
    how = options();
    how.durability = USERDATA_PROCESS;
    how.log = print_line; /* a counter would be a race */
    how.deadline_ms = 30000;
    IS(userdata_ctx_alloc(&ctx, USERDATA_API_VERSION, &how), 0);
    if (!ctx)
        return end("threads");
    until = now() + seconds;
    for (i = 0; i < THREADS; i++)
        IS(pthread_create(&threads[i], NULL, work, (void *)i), 0);
    for (i = 0; i < children; i++) {
        int status = -1;
        pid_t child = fork();
        if (child == 0)
            in_child();
        IS(waitpid(child, &status, 0), child);
        pthread_mutex_lock(&mutex);
        OK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        pthread_mutex_unlock(&mutex);
    }
    while (now() < until)
        usleep(10000);
    pthread_mutex_lock(&mutex);
    stop = 1;
    pthread_mutex_unlock(&mutex);
    for (i = 0; i < THREADS; i++)
        IS(pthread_join(threads[i], NULL), 0);
    userdata_ctx_free(ctx);
    printf("%ld rounds, %ld children, longest store %.3f s\n", rounds, children, longest);
    OK(rounds >= THREADS);
    OK(longest <= limit);
    return end("threads");
}
