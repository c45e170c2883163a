/* A rectangular nest of JSON arrays of numbers, such as [[1, 2.5], [-3e2, 4]], read straight into doubles. */
#include <math.h>
#include <stdint.h>

enum { MOST_RANK = 32, MOST_POWER = 22, MOST_FIVES = 27 };

static const double TENS[MOST_POWER + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                            1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* digits / 10^power, rounded to the nearest double, ties to even: the quotient of integers has at least 62 bits, and the
 * remainder says on which side of a tie it is. */
static double divided(uint64_t digits, int power) {
    uint64_t fives = 1;
    for (int n = 0; n < power; n++) fives *= 5;
    int up = __builtin_clzll(digits), more = 63 - __builtin_clzll(fives);
    unsigned __int128 scaled = (unsigned __int128)(digits << up) << more;
    uint64_t quotient = (uint64_t)(scaled / fives);
    int inexact = (unsigned __int128)quotient * fives != scaled;
    int extra = 11 - __builtin_clzll(quotient);
    uint64_t kept = quotient >> extra, rest = quotient & ((1ULL << extra) - 1), half = 1ULL << (extra - 1);
    if (rest > half || (rest == half && (inexact || (kept & 1)))) kept++;
    return ldexp((double)kept, extra - up - more - power);
}

struct text {
    const uint8_t *at, *end;
    double largest_integer, largest_fraction;
};

static uint8_t next(const struct text *text) { return text->at < text->end ? *text->at : 0; }

static void skip_space(struct text *text) {
    while (next(text) == ' ' || next(text) == '\n' || next(text) == '\r' || next(text) == '\t') text->at++;
}

static int is_digit(uint8_t byte) { return byte >= '0' && byte <= '9'; }

/* Appends the digits to *value. Returns how many there are, -1 when more than 19 count. */
static int read_digits(struct text *text, uint64_t *value) {
    int count = 0;
    for (; is_digit(next(text)); text->at++, count++) {
        if (*value >= 1000000000000000000ULL) return -1;
        *value = *value * 10 + (uint64_t)(*text->at - '0');
    }
    return count;
}

/* Reads one number. False for anything else, and for those that need more than 19 digits or a large exponent. */
static int read_number(struct text *text, double *result) {
    uint64_t digits = 0;
    int negative = next(text) == '-', whole = 1, power = 0, count;
    text->at += negative;
    uint8_t first = next(text);
    count = read_digits(text, &digits);
    if (count < 1 || (first == '0' && count > 1)) return 0;
    if (next(text) == '.') {
        whole = 0;
        text->at++;
        count = read_digits(text, &digits);
        if (count < 1) return 0;
        power = -count;
    }
    if ((next(text) | 0x20) == 'e') {
        whole = 0;
        text->at++;
        int down = next(text) == '-';
        text->at += down || next(text) == '+';
        uint64_t exponent = 0;
        if (read_digits(text, &exponent) < 1 || exponent > 1000) return 0;
        power += down ? -(int)exponent : (int)exponent;
    }
    double value;
    if (!digits) value = 0.0;
    else if (digits <= 1ULL << 53 && power >= -MOST_POWER && power <= MOST_POWER)
        value = power < 0 ? (double)digits / TENS[-power] : (double)digits * TENS[power];
    else if (power < 0 && power >= -MOST_FIVES) value = divided(digits, -power);
    else return 0;
    double *largest = whole ? &text->largest_integer : &text->largest_fraction;
    if (value > *largest) *largest = value;
    *result = negative && !(whole && !digits) ? -value : value;
    return 1;
}

/* Reads the array that begins at data[at]; data[size] may be looked at by nobody.
 *
 * values: room for the numbers, at least (size - at) / 2 + 1 of them.
 * shape: 32 places; the sizes of the dimensions.
 * largest: two places; the largest magnitude of those written as integers, and of the others.
 * found: two places; the number of dimensions, and where the array ends.
 * Returns the number of values, -1 when the array is not a rectangular nest of plain numbers. */
int64_t headrace_json_numbers(const uint8_t *data, int64_t size, int64_t at, double *values, int64_t *shape, double *largest,
                              int64_t *found) {
    struct text text = {data + at, data + size, -1.0, -1.0};
    int64_t done[MOST_RANK], count = 0;
    int rank = 0, depth = 0;
    for (;;) {
        skip_space(&text);
        if (next(&text) == '[') {
            if (depth == MOST_RANK || (count && depth == rank)) return -1;
            text.at++;
            done[depth++] = 0;
            if (!count) {
                rank = depth;
                shape[depth - 1] = -1;
            }
            continue;
        }
        if (!depth || depth != rank || !read_number(&text, &values[count])) return -1;
        count++;
        done[depth - 1]++;
        for (;;) {
            skip_space(&text);
            uint8_t mark = next(&text);
            text.at++;
            if (mark == ',') break;
            if (mark != ']') return -1;
            depth--;
            if (shape[depth] < 0) shape[depth] = done[depth];
            else if (shape[depth] != done[depth]) return -1;
            if (!depth) {
                largest[0] = text.largest_integer;
                largest[1] = text.largest_fraction;
                found[0] = rank;
                found[1] = text.at - data;
                return count;
            }
            done[depth - 1]++;
        }
    }
}
