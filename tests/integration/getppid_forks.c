/* Preloaded into a test process: getppid() forks and answers as fork() does, 0 in the child. */
#include <unistd.h>

pid_t getppid(void)
{
    return fork();
}
