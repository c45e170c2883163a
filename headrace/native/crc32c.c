/* CRC-32C (Castagnoli): by the processor's own instruction where the compiler may use it, else by tables, eight bytes a step. */
#include "crc32c.h"

#include <string.h>

#if defined(__SSE4_2__) && defined(__x86_64__) && !defined(HEADRACE_PORTABLE)
#include <nmmintrin.h>
#define STEP_8(crc, word) ((uint32_t)_mm_crc32_u64((crc), (word)))
#define STEP_1(crc, byte) _mm_crc32_u8((crc), (byte))

#elif defined(__ARM_FEATURE_CRC32) && !defined(HEADRACE_PORTABLE)
#include <arm_acle.h>
#define STEP_8(crc, word) __crc32cd((crc), (word))
#define STEP_1(crc, byte) __crc32cb((crc), (byte))

#else
#define POLYNOMIAL 0x82F63B78u

/* TABLES[k][b]: what byte b does to the CRC when k more bytes follow it in the same step. */
static uint32_t TABLES[8][256];

/* Runs while the library is loaded, before any thread can call it. */
__attribute__((constructor)) static void fill_tables(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
        TABLES[0][byte] = crc;
    }
    for (int k = 1; k < 8; k++)
        for (int byte = 0; byte < 256; byte++)
            TABLES[k][byte] = (TABLES[k - 1][byte] >> 8) ^ TABLES[0][TABLES[k - 1][byte] & 255];
}

static uint32_t step_8(uint32_t crc, uint64_t word) {
    word ^= crc;
    uint32_t next = 0;
    for (int k = 0; k < 8; k++) next ^= TABLES[7 - k][(word >> 8 * k) & 255];
    return next;
}

#define STEP_8(crc, word) step_8((crc), (word))
#define STEP_1(crc, byte) (((crc) >> 8) ^ TABLES[0][((crc) ^ (byte)) & 255])
#endif

uint32_t masked_crc32c(const uint8_t *data, int64_t size) {
    uint32_t crc = 0xFFFFFFFFu;
    for (; size >= 8; data += 8, size -= 8) {
        uint64_t word;
        memcpy(&word, data, 8);
        crc = STEP_8(crc, word);
    }
    for (; size > 0; data++, size--) crc = STEP_1(crc, *data);
    crc = ~crc;
    return ((crc >> 15) | (crc << 17)) + 0xA282EAD8u;
}
