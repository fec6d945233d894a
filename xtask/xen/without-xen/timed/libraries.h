/* The C library and the drop-in of this project, in a process that has libxl. */
#include <stdbool.h>
#include <stdint.h>

#include <libxl.h>

/* Loads both from a folder. The C library takes the domains from the file of a simulated host. For
 * the drop-in every domain exists, with the uuid of the variable USERDATA_LIBXL_UUID. The values
 * are in the working directory. Prints what is wrong. */
bool libraries_load(const char *folder, const char *host, libxl_ctx *ctx);

/* Each call does one thing once, and returns what went wrong. A value has this length. */
const char *library_retrieve(uint32_t domid, size_t length);
const char *library_store(uint32_t domid, const void *data, size_t length);
const char *drop_in_retrieve(uint32_t domid, size_t length);
const char *drop_in_store(uint32_t domid, const void *data, size_t length);
