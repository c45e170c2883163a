/* The frames of TFRecord files: length (8 bytes), its checksum (4), content, its checksum (4), all little-endian. */
#include "crc32c.h"

#include <string.h>

enum { HEADER = 12, FOOTER = 4 };

static uint32_t checksum_at(const uint8_t *place) {
    uint32_t value;
    memcpy(&value, place, 4);
    return value;
}

/* Finds the whole and sound records at the beginning of data[0..size).
 *
 * Writes where the contents of at most `most` records start and how long they are, and to `consumed` how many bytes the
 * records take. Returns their number. What follows them is cut, damaged or longer than `longest`: the caller looks. */
int64_t headrace_frame_records(const uint8_t *data, int64_t size, uint64_t longest, int64_t most, int64_t *starts,
                               int64_t *lengths, int64_t *consumed) {
    int64_t count = 0, at = 0;
    while (count < most && size - at >= HEADER + FOOTER) {
        uint64_t length;
        memcpy(&length, data + at, 8);
        if (checksum_at(data + at + 8) != masked_crc32c(data + at, 8)) break;
        if (length > longest || length > (uint64_t)(size - at - HEADER - FOOTER)) break;
        const uint8_t *content = data + at + HEADER;
        if (checksum_at(content + length) != masked_crc32c(content, (int64_t)length)) break;
        starts[count] = at + HEADER;
        lengths[count++] = (int64_t)length;
        at += HEADER + (int64_t)length + FOOTER;
    }
    *consumed = at;
    return count;
}
