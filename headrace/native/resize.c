/* Images resized by bilinear interpolation: each output pixel is made of four, weighted by rows and by columns. */
#include <stdint.h>

/* Places in rows and columns, and weights, come in pairs: the lower and the upper neighbour of each output position. */
#define DEFINE_RESIZE(NAME, PIXEL)                                                                                             \
    int64_t NAME(const PIXEL *images, int64_t count, int64_t height, int64_t width, int64_t channels, int64_t new_height,     \
                 int64_t new_width, const int64_t *rows, const float *row_weights, const int64_t *columns,                    \
                 const float *column_weights, float *out) {                                                                   \
        for (int64_t image = 0; image < count; image++, images += height * width * channels) {                                \
            for (int64_t y = 0; y < new_height; y++) {                                                                        \
                const PIXEL *above = images + rows[2 * y] * width * channels;                                                 \
                const PIXEL *below = images + rows[2 * y + 1] * width * channels;                                             \
                const float near = row_weights[2 * y], far = row_weights[2 * y + 1];                                          \
                for (int64_t x = 0; x < new_width; x++) {                                                                     \
                    const int64_t left = columns[2 * x] * channels, right = columns[2 * x + 1] * channels;                    \
                    const float before = column_weights[2 * x], behind = column_weights[2 * x + 1];                           \
                    for (int64_t k = 0; k < channels; k++) {                                                                  \
                        const float top = (float)above[left + k] * before + (float)above[right + k] * behind;                 \
                        const float bottom = (float)below[left + k] * before + (float)below[right + k] * behind;              \
                        *out++ = top * near + bottom * far;                                                                   \
                    }                                                                                                         \
                }                                                                                                             \
            }                                                                                                                 \
        }                                                                                                                     \
        return 0;                                                                                                             \
    }

DEFINE_RESIZE(headrace_resize_bytes, uint8_t)
DEFINE_RESIZE(headrace_resize_floats, float)
