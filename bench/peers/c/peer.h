/* A store of userdata in C that is timed. The values are in the working directory. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Gets ready; false if that is not possible. */
bool peer_open(void);

/* Takes the list of domains from lines "DOMID UUID alive" of standard input. */
bool peer_read_domains(unsigned lines);

/* These return what went wrong, or NULL. */
const char *peer_store(uint32_t domid, const char *userid, const void *data, size_t length);
const char *peer_remove(uint32_t domid, const char *userid);
const char *peer_clear(uint32_t domid);

/* The value in memory of malloc, or NULL if there is none. */
const char *peer_retrieve(uint32_t domid, const char *userid, void **data, size_t *length);

/* The length of the value; 0 if there is none. */
const char *peer_size(uint32_t domid, const char *userid, size_t *length);

/* Calls `each` with the userid of every value of the domain, in any order; `each` may be NULL. */
const char *peer_list(uint32_t domid, void (*each)(const char *userid), size_t *count);
