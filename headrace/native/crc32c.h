/* The masked CRC-32C that records store. */
#ifndef HEADRACE_CRC32C_H
#define HEADRACE_CRC32C_H

#include <stdint.h>

uint32_t masked_crc32c(const uint8_t *data, int64_t size);

#endif
