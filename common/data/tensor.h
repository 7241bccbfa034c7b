/* data/tensor.h: element types of streams and borrowed views of arrays.
 *
 * Row-major, little-endian, last index fastest. Letters of shapes, the same in the whole
 * project: N records, T tokens, P positions, L layers, H heads, D d_model, K d_head,
 * M d_mlp, V d_vocab. */
#ifndef MI_DATA_TENSOR_H
#define MI_DATA_TENSOR_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum mi_dtype { MI_F32, MI_F16, MI_BF16, MI_F64, MI_I32, MI_I64, MI_U8, MI_DTYPES };
enum { MI_MAX_RANK = 8 };

struct mi_tensor {
    enum mi_dtype dtype;
    int rank;                   /* 0 to MI_MAX_RANK; rank 0 is one element */
    int64_t shape[MI_MAX_RANK]; /* [rank], each >= 0 */
    const void *data;           /* borrowed; any alignment */
};

const char *mi_dtype_name(enum mi_dtype d); /* "f32" */
int mi_dtype_parse(const char *name);       /* enum mi_dtype or -1 */
size_t mi_dtype_size(enum mi_dtype d);
int64_t mi_tensor_count(const struct mi_tensor *t); /* elements; -1 when that overflows */
size_t mi_tensor_bytes(const struct mi_tensor *t);

struct mi_tensor mi_tensor_1(enum mi_dtype d, int64_t n, const void *data);
struct mi_tensor mi_tensor_2(enum mi_dtype d, int64_t n0, int64_t n1, const void *data);

/* Element i as a number. */
double mi_tensor_at(const struct mi_tensor *t, int64_t i);
/* All elements as f32 (or f64) into y [count]; f64 narrows with rounding. */
void mi_tensor_to_f32(float *y, const struct mi_tensor *t);
void mi_tensor_to_f64(double *y, const struct mi_tensor *t);
/* x [n] as dtype (f32, f16 or bf16) into out; a finite value that overflows the type
 * fails with MI_EXIT_DATA and names the element. */
int mi_narrow(void *out, enum mi_dtype dtype, const float *x, int64_t n, struct mi_error *err);
/* Index of the first NaN or infinity of a float tensor, or -1. */
int64_t mi_tensor_nonfinite(const struct mi_tensor *t);

#endif
