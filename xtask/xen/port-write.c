/* Writes its standard input to an I/O port. Emulated serial ports are far slower: they interrupt
 * for every sixteen bytes.
 *
 * usage: port-write PORT < DATA
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sys/io.h>

int main(int argc, char **argv)
{
    static unsigned char data[1 << 16];
    ssize_t got;

    if (argc < 2)
        return 2;
    unsigned short port = (unsigned short)strtoul(argv[1], NULL, 0);
    if (ioperm(port, 1, 1)) {
        perror("port-write");
        return 1;
    }
    /* One instruction for many bytes: the hypervisor has to step in for each instruction. */
    while ((got = read(STDIN_FILENO, data, sizeof data)) > 0)
        outsb(port, data, (unsigned long)got);
    return got < 0;
}
