/* Forward and backward pass of a ReLU critic in bf16 products with fp32 sums, for AVX-512 with bf16 dot products.
 *
 * A stack of dense layers: sizes[0] inputs, sizes[1..hidden] ReLU units, one linear output. Every layer of activations
 * has one more unit that is always one, so that a product adds the bias and, going back, sums its gradient; inputs
 * bring theirs along. Rows go through all layers in blocks that stay in a core's first cache: what lies between two
 * products is never written out and read again, but for the activations, which the way back needs.
 *
 * Products multiply pairs along the summed axis (vdpbf16ps). Weights are laid out for that anew at each step, since
 * they have changed; activations and slopes are interleaved by row pairs where the sum runs over rows.
 */
#include <immintrin.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LANES 16     /* fp32 sums of a register */
#define PANEL 7      /* registers across: with TALL rows 28 sums stay in registers, four are left for operands */
#define TALL 4
#define BLOCK 64     /* rows of a block, even */
#define AHEAD 24     /* rows that are asked for before they are copied */
#define INLINE static inline __attribute__((always_inline))

static int64_t padded(int64_t width) { return (width + LANES - 1) / LANES * LANES; }
static int64_t stride_of(const int64_t *sizes, int64_t layer, int64_t input_stride) {
    return layer ? padded(sizes[layer] + 1) : input_stride;
}

/* Adds to `tall` x `wide` registers of sums the products of a, whose rows hold pairs, and b, whose registers do. */
INLINE void multiply(__m512 *sums, int tall, int wide, const uint32_t *a, int64_t row, int64_t pair, const uint32_t *b,
                     int64_t b_row, int64_t pairs) {
    for (int64_t p = 0; p < pairs; p++) {
        const uint32_t *at = a + p * pair, *bt = b + p * b_row;
#pragma GCC unroll 7
        for (int j = 0; j < wide; j++) {
            __m512bh right = (__m512bh)_mm512_loadu_si512(bt + j * LANES);
#pragma GCC unroll 4
            for (int i = 0; i < tall; i++) {
                __m512bh left = (__m512bh)_mm512_set1_epi32((int)at[i * row]);
                sums[i * wide + j] = _mm512_dpbf16_ps(sums[i * wide + j], left, right);
            }
        }
    }
}

/* What becomes of sums: bf16 after a ReLU, bf16 where a mask is above nought, or fp32 added to what is there. */
enum { RELU, MASKED, ADDED };

INLINE void tile(int kind, int tall, int wide, const uint32_t *a, int64_t row, int64_t pair, const uint32_t *b,
                 int64_t b_row, int64_t pairs, void *out, int64_t out_row, const uint16_t *mask, int64_t mask_row) {
    __m512 sums[TALL * PANEL];
    float *to = out;
    uint16_t *low = out;
#pragma GCC unroll 28
    for (int k = 0; k < tall * wide; k++)
        sums[k] = kind == ADDED ? _mm512_loadu_ps(to + k / wide * out_row + k % wide * LANES) : _mm512_setzero_ps();
    multiply(sums, tall, wide, a, row, pair, b, b_row, pairs);
#pragma GCC unroll 28
    for (int k = 0; k < tall * wide; k++) {
        int i = k / wide, j = k % wide;
        if (kind == ADDED) {
            _mm512_storeu_ps(to + i * out_row + j * LANES, sums[k]);
        } else if (kind == RELU) { /* the sum as second operand: a NaN stays one */
            __m512 above = _mm512_max_ps(_mm512_setzero_ps(), sums[k]);
            _mm256_storeu_si256((void *)(low + i * out_row + j * LANES), (__m256i)_mm512_cvtneps_pbh(above));
        } else {
            __m256i seen = _mm256_loadu_si256((const void *)(mask + i * mask_row + j * LANES));
            __mmask16 on = _mm256_cmpgt_epi16_mask(seen, _mm256_setzero_si256());
            __m256i value = (__m256i)_mm512_cvtneps_pbh(sums[k]);
            _mm256_storeu_si256((void *)(low + i * out_row + j * LANES), _mm256_maskz_mov_epi16(on, value));
        }
    }
}

#define WIDE(n)                                                                                                        \
    case n:                                                                                                            \
        if (tall == TALL)                                                                                              \
            tile(kind, TALL, n, a, row, pair, b, b_row, pairs, out, out_row, mask, mask_row);                          \
        else                                                                                                           \
            for (int64_t i = 0; i < tall; i++)                                                                         \
                tile(kind, 1, n, a + i * row, row, pair, b, b_row, pairs,                                              \
                     (char *)out + i * out_row * (kind == ADDED ? 4 : 2), out_row, mask + i * mask_row, mask_row);     \
        break;

INLINE void band(int kind, int64_t tall, int64_t wide, const uint32_t *a, int64_t row, int64_t pair, const uint32_t *b,
                 int64_t b_row, int64_t pairs, void *out, int64_t out_row, const uint16_t *mask, int64_t mask_row) {
    switch (wide) { WIDE(1) WIDE(2) WIDE(3) WIDE(4) WIDE(5) WIDE(6) WIDE(7) }
}

/* Goes over a product of `rows` x `width` in tiles; strides count what their arrays hold. */
INLINE void product(int kind, int64_t rows, int64_t width, const uint32_t *a, int64_t row, int64_t pair,
                    const uint32_t *b, int64_t b_row, int64_t pairs, void *out, int64_t out_row, const uint16_t *mask,
                    int64_t mask_row) {
    int64_t registers = width / LANES, bytes = kind == ADDED ? 4 : 2;
    for (int64_t j = 0; j < registers; j += PANEL) {
        int64_t wide = registers - j < PANEL ? registers - j : PANEL;
        for (int64_t i = 0; i < rows; i += TALL) {
            int64_t tall = rows - i < TALL ? rows - i : TALL;
            band(kind, tall, wide, a + i * row, row, pair, b + j * LANES, b_row, pairs,
                 (char *)out + (i * out_row + j * LANES) * bytes, out_row, mask + i * mask_row + j * LANES, mask_row);
        }
    }
}

static void layer_forward(int64_t rows, int64_t width, const uint32_t *a, int64_t a_row, const uint32_t *b,
                          int64_t pairs, uint16_t *out) {
    product(RELU, rows, width, a, a_row, 1, b, width, pairs, out, width, out, 0);
}

static void slopes_below(int64_t rows, int64_t width, const uint32_t *a, int64_t a_row, const uint32_t *b,
                         int64_t pairs, uint16_t *out, const uint16_t *mask) {
    product(MASKED, rows, width, a, a_row, 1, b, width, pairs, out, width, mask, width);
}

static void add_gradient(int64_t inputs, int64_t width, const uint32_t *a, int64_t a_row, const uint32_t *b,
                         int64_t pairs, float *out) {
    product(ADDED, inputs, width, a, 1, a_row, b, width, pairs, out, width, (const uint16_t *)a, 0);
}

static __mmask16 first(int64_t count) { return count >= LANES ? 0xffff : count <= 0 ? 0 : (1u << count) - 1; }

static __m512i widened(const uint16_t *from, __mmask16 some) {
    return _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(some, from));
}

/* Interleaves rows 2p and 2p + 1 of `from` into row p of `to`; a last odd row meets noughts. */
static void pair_rows(int64_t rows, int64_t width, const uint16_t *from, int64_t from_row, uint32_t *to, int64_t to_row) {
    for (int64_t r = 0; r < rows; r += 2)
        for (int64_t c = 0; c < width; c += LANES) {
            __mmask16 some = first(width - c);
            const uint16_t *at = from + r * from_row + c;
            __m512i one = widened(at, some), two = r + 1 < rows ? widened(at + from_row, some) : _mm512_setzero_si512();
            _mm512_storeu_si512(to + r / 2 * to_row + c, _mm512_or_si512(one, _mm512_slli_epi32(two, 16)));
        }
}

static uint16_t rounded(float value) {
    __m128bh low = _mm_cvtneps_pbh(_mm_set_ss(value));
    return (uint16_t)_mm_extract_epi16((__m128i)low, 0);
}

/* Lays a layer out in bf16 as `flat` (inputs + 1, width): weight, bias, and the unit that hands the one on. */
static void lay_out(int64_t inputs, int64_t units, const float *weight, const float *bias, uint16_t *flat) {
    int64_t width = padded(units + 1);
    memset(flat, 0, (size_t)((inputs + 2) * width) * 2); /* an even number of rows and one to spare */
    for (int64_t k = 0; k <= inputs; k++) {
        const float *from = k < inputs ? weight + k * units : bias;
        for (int64_t n = 0; n < units; n += LANES) {
            __mmask16 some = first(units - n);
            __m256i low = (__m256i)_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(some, from + n));
            _mm256_mask_storeu_epi16(flat + k * width + n, some, low);
        }
    }
    flat[inputs * width + units] = rounded(1.0f);
}

/* Lays out what slopes are multiplied with: row p holds the pairs of units 2p, 2p + 1 for each input. */
static void lay_out_back(int64_t inputs, int64_t units, const uint16_t *flat, uint32_t *back) {
    int64_t width = padded(units + 1), below = padded(inputs + 1), pairs = (units + 1) / 2;
    memset(back, 0, (size_t)(pairs * below) * 4);
    for (int64_t k = 0; k < inputs; k++)
        for (int64_t p = 0; p < pairs; p++) {
            uint32_t low = flat[k * width + 2 * p], high = 2 * p + 1 < units ? flat[k * width + 2 * p + 1] : 0;
            back[p * below + k] = low | high << 16;
        }
}

static void *room(int64_t count, int64_t size) {
    return aligned_alloc(64, (size_t)((count * size + 63) / 64 * 64 + 64));
}

/* Fills a critic's inputs from a table (x and y side by side): `size` joint pairs, rows of the table, then as many
 * marginal ones, the first `split` numbers of the same rows with the others of `partners`. The table is larger than the
 * caches near a core, so what a row will need is asked for some rows ahead.
 */
void critic_pairs(int64_t size, int64_t width, int64_t split, const uint16_t *table, const int64_t *rows,
                  const int64_t *partners, uint16_t *inputs, int64_t stride) {
    for (int64_t i = 0; i < size; i++) {
        if (i + AHEAD < size) {
            const uint16_t *soon = table + rows[i + AHEAD] * width;
            _mm_prefetch((const char *)soon, _MM_HINT_T0);
            _mm_prefetch((const char *)(soon + width - 1), _MM_HINT_T0);
        }
        memcpy(inputs + i * stride, table + rows[i] * width, (size_t)width * 2);
        memcpy(inputs + (size + i) * stride, table + rows[i] * width, (size_t)split * 2);
    }
    for (int64_t i = 0; i < size; i++) /* the partners are rows of the same batch, or near it: at hand by now */
        memcpy(inputs + (size + i) * stride + split, table + partners[i] * width + split, (size_t)(width - split) * 2);
}

/* Scores of `rows` inputs; activations[l] (rows, padded width) is filled for the way back. Returns 0, or 1: no memory.
 *
 * weights[l] (sizes[l], sizes[l + 1]) and biases[l] in fp32; the last weight is a column, its bias is not added here.
 */
int critic_forward(int64_t rows, int64_t hidden, const int64_t *sizes, const uint16_t *inputs, int64_t input_stride,
                   const float *const *weights, const float *const *biases, uint16_t *const *activations,
                   float *scores) {
    int64_t total = 0, most = 0, top = padded(sizes[hidden] + 1);
    for (int64_t l = 0; l < hidden; l++) {
        int64_t size = (sizes[l] + 2) * padded(sizes[l + 1] + 1);
        total += (sizes[l] / 2 + 1) * padded(sizes[l + 1] + 1);
        most = size > most ? size : most;
    }
    uint32_t *packed = room(total, 4);
    uint16_t *flat = room(most, 2);
    float *column = room(top, 4);
    if (!packed || !flat || !column) {
        free(packed), free(flat), free(column);
        return 1;
    }
    memset(column, 0, (size_t)top * 4);
    memcpy(column, weights[hidden], (size_t)sizes[hidden] * 4);
    uint32_t *at = packed;
    for (int64_t l = 0; l < hidden; l++) {
        int64_t width = padded(sizes[l + 1] + 1);
        lay_out(sizes[l], sizes[l + 1], weights[l], biases[l], flat);
        pair_rows(sizes[l] + 1, width, flat, width, at, width);
        at += (sizes[l] / 2 + 1) * width;
    }
    for (int64_t r = 0; r < rows; r += BLOCK) {
        int64_t some = rows - r < BLOCK ? rows - r : BLOCK;
        at = packed;
        for (int64_t l = 0; l < hidden; l++) {
            int64_t width = padded(sizes[l + 1] + 1), below = stride_of(sizes, l, input_stride);
            const uint16_t *from = (l ? activations[l - 1] : inputs) + r * below;
            layer_forward(some, width, (const uint32_t *)from, below / 2, at, sizes[l] / 2 + 1,
                          activations[l] + r * width);
            at += (sizes[l] / 2 + 1) * width;
        }
        for (int64_t i = r; i < r + some; i++) {
            __m512 sum = _mm512_setzero_ps();
            for (int64_t c = 0; c < top; c += LANES) {
                __m512i high = _mm512_slli_epi32(widened(activations[hidden - 1] + i * top + c, 0xffff), 16);
                sum = _mm512_fmadd_ps(_mm512_castsi512_ps(high), _mm512_loadu_ps(column + c), sum);
            }
            scores[i] = _mm512_reduce_add_ps(sum);
        }
    }
    free(packed), free(flat), free(column);
    return 0;
}

/* Gradients for `slopes` (rows), the derivative by the scores, of what the last forward pass left. 0, or 1: no memory. */
int critic_backward(int64_t rows, int64_t hidden, const int64_t *sizes, const uint16_t *inputs, int64_t input_stride,
                    const float *const *weights, const float *const *biases, uint16_t *const *activations,
                    const float *slopes, float *const *weight_grads, float *const *bias_grads) {
    int64_t backs = 0, sums = 0, most = 0, widest = padded(sizes[0] + 1), top = padded(sizes[hidden] + 1);
    for (int64_t l = 0; l < hidden; l++) {
        int64_t width = padded(sizes[l + 1] + 1), size = (sizes[l] + 2) * width;
        backs += (sizes[l + 1] + 1) / 2 * padded(sizes[l] + 1);
        sums += size;
        most = size > most ? size : most;
        widest = width > widest ? width : widest;
    }
    uint32_t *back = room(backs, 4), *left = room(BLOCK / 2 * widest, 4), *right = room(BLOCK / 2 * widest, 4);
    uint16_t *flat = room(most, 2), *slope = room(BLOCK * widest, 2), *next = room(BLOCK * widest, 2);
    float *grads = room(sums, 4), *column = room(2 * top, 4), *found = column + top;
    int lacks = !back || !left || !right || !flat || !slope || !next || !grads || !column;
    if (!lacks) {
        memset(grads, 0, (size_t)sums * 4);
        memset(column, 0, (size_t)(2 * top) * 4);
        memcpy(column, weights[hidden], (size_t)sizes[hidden] * 4);
        uint32_t *at = back;
        for (int64_t l = 0; l < hidden; l++) {
            if (l) {
                lay_out(sizes[l], sizes[l + 1], weights[l], biases[l], flat);
                lay_out_back(sizes[l], sizes[l + 1], flat, at);
            }
            at += (sizes[l + 1] + 1) / 2 * padded(sizes[l] + 1);
        }
    }
    for (int64_t r = 0; !lacks && r < rows; r += BLOCK) {
        int64_t some = rows - r < BLOCK ? rows - r : BLOCK;
        for (int64_t i = 0; i < some; i++) {
            __m512 own = _mm512_set1_ps(slopes[r + i]);
            for (int64_t c = 0; c < top; c += LANES) {
                __m256i seen = _mm256_loadu_si256((const void *)(activations[hidden - 1] + (r + i) * top + c));
                __m512 high = _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(seen), 16));
                _mm512_storeu_ps(found + c, _mm512_fmadd_ps(own, high, _mm512_loadu_ps(found + c)));
                __mmask16 on = _mm256_cmpgt_epi16_mask(seen, _mm256_setzero_si256());
                __m256i value = (__m256i)_mm512_cvtneps_pbh(_mm512_mul_ps(own, _mm512_loadu_ps(column + c)));
                _mm256_storeu_si256((void *)(slope + i * top + c), _mm256_maskz_mov_epi16(on, value));
            }
        }
        uint32_t *back_at = back + backs;
        float *grad_at = grads + sums;
        for (int64_t l = hidden - 1; l >= 0; l--) {
            int64_t width = padded(sizes[l + 1] + 1), below = stride_of(sizes, l, input_stride);
            const uint16_t *from = (l ? activations[l - 1] : inputs) + r * below;
            back_at -= (sizes[l + 1] + 1) / 2 * padded(sizes[l] + 1);
            grad_at -= (sizes[l] + 2) * width;
            int64_t across = padded(sizes[l] + 1);
            pair_rows(some, sizes[l] + 1, from, below, left, across);
            pair_rows(some, width, slope, width, right, width);
            add_gradient(sizes[l] + 1, width, left, across, right, (some + 1) / 2, grad_at);
            if (l) {
                slopes_below(some, below, (const uint32_t *)slope, width / 2, back_at, (sizes[l + 1] + 1) / 2, next,
                             from);
                uint16_t *other = slope;
                slope = next, next = other;
            }
        }
    }
    float *grad_at = grads;
    for (int64_t l = 0; !lacks && l < hidden; l++) {
        int64_t units = sizes[l + 1], width = padded(units + 1);
        for (int64_t k = 0; k < sizes[l]; k++) memcpy(weight_grads[l] + k * units, grad_at + k * width, (size_t)units * 4);
        memcpy(bias_grads[l], grad_at + sizes[l] * width, (size_t)units * 4);
        grad_at += (sizes[l] + 2) * width;
    }
    if (!lacks) memcpy(weight_grads[hidden], found, (size_t)sizes[hidden] * 4);
    free(back), free(left), free(right), free(flat), free(slope), free(next), free(grads), free(column);
    return lacks;
}
