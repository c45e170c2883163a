/* Images resized by bilinear interpolation: each output pixel lies between four, first within two rows, then between the rows.
 *
 * Every step is one subtraction, one product and one sum, each rounded (FLAGS forbid to merge them): TensorFlow's own bits. */
#include <stdint.h>
#include <string.h>

typedef float Four __attribute__((vector_size(16)));
typedef int32_t FourWords __attribute__((vector_size(16)));

static inline Four four_bytes(const uint8_t *place) {
    const FourWords found = {place[0], place[1], place[2], place[3]};
    return __builtin_convertvector(found, Four);
}

static inline Four four_floats(const float *place) {
    Four found;
    memcpy(&found, place, sizeof found);
    return found;
}

#define BETWEEN(from, to, share) ((from) + ((to) - (from)) * (share))

/* `columns` has two source positions for each output position, the lower and the upper neighbour; `shares` says how far it lies
 * from the first to the second. */
#define DEFINE_RESIZE(NAME, PIXEL, FOUR)                                                                                       \
    static void NAME##_row(const PIXEL *above, const PIXEL *below, int64_t channels, int64_t begin, int64_t end,               \
                           const int64_t *columns, const float *shares, float down, float *out) {                              \
        out += begin * channels;                                                                                               \
        for (int64_t x = begin; x < end; x++) {                                                                                \
            const int64_t left = columns[2 * x] * channels, right = columns[2 * x + 1] * channels;                             \
            for (int64_t k = 0; k < channels; k++) {                                                                           \
                const float top = BETWEEN((float)above[left + k], (float)above[right + k], shares[x]);                         \
                const float bottom = BETWEEN((float)below[left + k], (float)below[right + k], shares[x]);                      \
                *out++ = BETWEEN(top, bottom, down);                                                                           \
            }                                                                                                                  \
        }                                                                                                                      \
    }                                                                                                                          \
                                                                                                                               \
    /* Pixels of 3 channels are read and written as 4: the fourth is overwritten by the next pixel. */                         \
    static void NAME##_colours(const PIXEL *above, const PIXEL *below, int64_t end, const int64_t *columns,                    \
                               const float *shares, float down, float *out) {                                                  \
        for (int64_t x = 0; x < end; x++, out += 3) {                                                                          \
            const int64_t left = columns[2 * x] * 3, right = columns[2 * x + 1] * 3;                                           \
            const Four top = BETWEEN(FOUR(above + left), FOUR(above + right), shares[x]);                                      \
            const Four bottom = BETWEEN(FOUR(below + left), FOUR(below + right), shares[x]);                                   \
            const Four found = BETWEEN(top, bottom, down);                                                                     \
            memcpy(out, &found, sizeof found);                                                                                 \
        }                                                                                                                      \
    }                                                                                                                          \
                                                                                                                               \
    int64_t NAME(const PIXEL *images, int64_t count, int64_t height, int64_t width, int64_t channels, int64_t new_height,      \
                 int64_t new_width, const int64_t *rows, const float *row_shares, const int64_t *columns,                      \
                 const float *column_shares, float *out) {                                                                     \
        const PIXEL *last_row = images + (count * height - 1) * width * channels;                                              \
        for (int64_t image = 0; image < count; image++, images += height * width * channels) {                                 \
            for (int64_t y = 0; y < new_height; y++, out += new_width * channels) {                                            \
                const PIXEL *above = images + rows[2 * y] * width * channels;                                                  \
                const PIXEL *below = images + rows[2 * y + 1] * width * channels;                                              \
                /* Behind the very last row there is nothing to be read, and behind an output row the next is not begun. */    \
                const int64_t begin = channels == 3 && below != last_row ? new_width - 1 : 0;                                  \
                NAME##_colours(above, below, begin, columns, column_shares, row_shares[y], out);                               \
                NAME##_row(above, below, channels, begin, new_width, columns, column_shares, row_shares[y], out);              \
            }                                                                                                                  \
        }                                                                                                                      \
        return 0;                                                                                                              \
    }

DEFINE_RESIZE(headrace_resize_bytes, uint8_t, four_bytes)
DEFINE_RESIZE(headrace_resize_floats, float, four_floats)
