/* Holds a lease on a file, as Samba and the kernel's NFS server do, until its input ends. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    int writing = argc == 3 && !strcmp(argv[2], "write");
    int fd = argc == 3 ? open(argv[1], writing ? O_RDWR : O_RDONLY) : -1;
    char byte;
    signal(SIGIO, SIG_IGN);
    if (fd < 0 || fcntl(fd, F_SETLEASE, writing ? F_WRLCK : F_RDLCK)) {
        puts("no lease");
        return 0;
    }
    puts("leased");
    fflush(stdout);
    while (read(0, &byte, 1) > 0) {}
    return 0;
}
