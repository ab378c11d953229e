// The functions of cuBLAS that candle calls: products in loops.
#include "device.h"
#include <vector>

enum Type { F32 = 0, BF16 = 14 };

// Entry (row, column) of a matrix that lies by columns.
static float entry(const void *matrix, int type, long long at) {
    return type == F32 ? static_cast<const float *>(matrix)[at] : float(static_cast<const __nv_bfloat16 *>(matrix)[at]);
}

// op(matrix) by rows.
static std::vector<float> rows(const void *matrix, int type, int is_transposed, int count, int width, long long lead, long long start) {
    std::vector<float> values(size_t(count) * width);
    for (int row = 0; row < count; row++)
        for (int column = 0; column < width; column++)
            values[size_t(row) * width + column] = entry(matrix, type, start + (is_transposed ? column + row * lead : row + column * lead));
    return values;
}

extern "C" {

int cublasCreate_v2(void **handle) { return *handle = new int(0), 0; }
int cublasDestroy_v2(void *handle) { return delete static_cast<int *>(handle), 0; }
int cublasSetStream_v2(void *, void *) { return 0; }
int cublasGemmStridedBatchedEx(void *, int transa, int transb, int m, int n, int k, const void *alpha, const void *a, int a_type, int lda,
                               long long stride_a, const void *b, int b_type, int ldb, long long stride_b, const void *beta, void *c,
                               int c_type, int ldc, long long stride_c, int count, int, int) {
    if ((a_type != F32 && a_type != BF16) || b_type != a_type || c_type != a_type) return 15;
    if (*static_cast<const float *>(alpha) != 1.0f || *static_cast<const float *>(beta) != 0.0f) return 15;
    if (lda < (transa ? k : m) || ldb < (transb ? n : k) || ldc < m) return 7;
    std::vector<float> sums(m);
    for (int i = 0; i < count; i++) {
        // By columns, a column of the result is a sum of columns of the first.
        const std::vector<float> left = rows(a, a_type, !transa, k, m, lda, i * stride_a);
        const std::vector<float> right = rows(b, b_type, !transb, n, k, ldb, i * stride_b);
        for (int column = 0; column < n; column++) {
            std::fill(sums.begin(), sums.end(), 0.0f);
            for (int j = 0; j < k; j++) {
                const float factor = right[size_t(column) * k + j], *values = &left[size_t(j) * m];
                for (int row = 0; row < m; row++) sums[row] += factor * values[row];
            }
            const long long start = i * stride_c + static_cast<long long>(column) * ldc;
            for (int row = 0; row < m; row++) {
                if (c_type == F32) static_cast<float *>(c)[start + row] = sums[row];
                else static_cast<__nv_bfloat16 *>(c)[start + row] = sums[row];
            }
        }
    }
    return 0;
}
}
