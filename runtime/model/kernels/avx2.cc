// AVX2 with FMA and F16C (Intel Haswell, AMD Zen and later).
#include <immintrin.h>

#include "runtime/model/kernels/vector_kernels.h"

namespace inferd::kernels {
namespace {

struct Avx2 {
  using Float = __m256;
  static constexpr int kFloats = 8;
  static Float Zero() { return _mm256_setzero_ps(); }
  static Float Set1(float x) { return _mm256_set1_ps(x); }
  static Float Load(const float* p) { return _mm256_loadu_ps(p); }
  static Float LoadHalf(const std::uint16_t* p) { return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))); }
  static Float LoadBf16(const std::uint16_t* p) {
    const __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
  }
  static void Store(float* p, Float x) { _mm256_storeu_ps(p, x); }
  static void StoreHalf(std::uint16_t* p, Float x) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
  static void StoreInt8(std::int8_t* p, Float x) {
    const __m256i wide = _mm256_cvtps_epi32(x);
    const __m128i narrow = _mm_packs_epi32(_mm256_castsi256_si128(wide), _mm256_extracti128_si256(wide, 1));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packs_epi16(narrow, narrow));
  }
  static Float Add(Float a, Float b) { return _mm256_add_ps(a, b); }
  static Float Mul(Float a, Float b) { return _mm256_mul_ps(a, b); }
  static Float Div(Float a, Float b) { return _mm256_div_ps(a, b); }
  static Float Max(Float a, Float b) { return _mm256_max_ps(a, b); }
  static Float Min(Float a, Float b) { return _mm256_min_ps(a, b); }
  static Float Abs(Float a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0F), a); }
  static Float Fma(Float a, Float b, Float c) { return _mm256_fmadd_ps(a, b, c); }
  static float Sum(Float a) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
  }
  static float Peak(Float a) {
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
  }
  static float First(Float a) { return _mm256_cvtss_f32(a); }
  static Float Round(Float a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
  static Float Exp2i(Float n) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23));
  }
};

float HalfScale(const std::byte* p) {
  std::uint16_t d = 0;
  __builtin_memcpy(&d, p, sizeof(d));
  return _cvtsh_ss(d);
}

// Signed weights of one block.
struct Q8_0 {
  static constexpr std::size_t kBytes = sizeof(BlockQ8_0);
  static __m256i Load(const std::byte* block) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block + sizeof(std::uint16_t)));
  }
};

struct Q4_0 {
  static constexpr std::size_t kBytes = sizeof(BlockQ4_0);
  static __m256i Load(const std::byte* block) {
    const __m128i q = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + sizeof(std::uint16_t)));
    const __m256i both = _mm256_set_m128i(_mm_srli_epi16(q, 4), q);
    return _mm256_sub_epi8(_mm256_and_si256(both, _mm256_set1_epi8(0x0F)), _mm256_set1_epi8(8));
  }
};

template <typename Weight>
struct QuantizedTile {
  const MatrixView& weights;
  const Activations& x;
  float* y;
  std::size_t y_stride;

  template <int R, int C>
  void Run(int row, int column) const {
    const int blocks = weights.k / kBlockElements;
    const __m256i ones = _mm256_set1_epi16(1);
    __m256 acc[R][C];
    for (int r = 0; r < R; ++r) {
      for (int c = 0; c < C; ++c) acc[r][c] = _mm256_setzero_ps();
    }
    const std::byte* w = weights.data + static_cast<std::size_t>(row) * weights.row_bytes;
    const std::int8_t* q = x.q8 + static_cast<std::size_t>(column) * static_cast<std::size_t>(x.k);
    const float* scale = x.q8_scale + static_cast<std::size_t>(column) * static_cast<std::size_t>(blocks);
    for (int block = 0; block < blocks; ++block) {
      __m256i input[C];
      for (int c = 0; c < C; ++c) {
        input[c] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(q + static_cast<std::ptrdiff_t>(c) * x.k + block * kBlockElements));
      }
      for (int r = 0; r < R; ++r) {
        const std::byte* at = w + static_cast<std::size_t>(r) * weights.row_bytes + static_cast<std::size_t>(block) * Weight::kBytes;
        PrefetchWeights(at);
        const __m256i weight = Weight::Load(at);
        const __m256i magnitude = _mm256_sign_epi8(weight, weight);
        const float weight_scale = HalfScale(at);
        for (int c = 0; c < C; ++c) {
          // The byte multiply wants one unsigned operand: |w| * (x with w's sign). 2 * 128 * 127 still fits 16 bits.
          const __m256i pairs = _mm256_maddubs_epi16(magnitude, _mm256_sign_epi8(input[c], weight));
          const __m256 dot = _mm256_cvtepi32_ps(_mm256_madd_epi16(pairs, ones));
          acc[r][c] = _mm256_fmadd_ps(dot, _mm256_set1_ps(weight_scale * scale[c * blocks + block]), acc[r][c]);
        }
      }
    }
    for (int r = 0; r < R; ++r) {
      for (int c = 0; c < C; ++c) {
        y[static_cast<std::size_t>(column + c) * y_stride + static_cast<std::size_t>(row + r)] = Avx2::Sum(acc[r][c]);
      }
    }
  }
};

}  // namespace

extern const Table kAvx2Table;
constinit const Table kAvx2Table{
    .name = "avx2",
    .matmul_f32 = MatmulFloat<Avx2, WeightF32<Avx2>>,
    .matmul_f16 = MatmulFloat<Avx2, WeightF16<Avx2>>,
    .matmul_bf16 = MatmulFloat<Avx2, WeightBf16<Avx2>>,
    .matmul_q8_0 = MatmulQuantized<QuantizedTile<Q8_0>>,
    .matmul_q4_0 = MatmulQuantized<QuantizedTile<Q4_0>>,
    .quantize_q8 = QuantizeQ8<Avx2>,
    .rms_norm = RmsNorm<Avx2>,
    .silu_mul = SiluMul<Avx2>,
    .add = Add<Avx2>,
    .attend = Attend<Avx2>,
    .peak = Peak<Avx2>,
    .exp_scaled = ExpScaled<Avx2>,
    .f16_to_f32 = F16ToF32<Avx2>,
    .f32_to_f16 = F32ToF16<Avx2>,
};

}  // namespace inferd::kernels
