// AVX-512 with VNNI (Intel Ice Lake, AMD Zen 4 and later).
#include <immintrin.h>

#include "runtime/model/kernels/vector_kernels.h"

namespace inferd::kernels {
namespace {

struct Avx512 {
  using Float = __m512;
  static constexpr int kFloats = 16;
  static Float Zero() { return _mm512_setzero_ps(); }
  static Float Set1(float x) { return _mm512_set1_ps(x); }
  static Float Load(const float* p) { return _mm512_loadu_ps(p); }
  static Float LoadHalf(const std::uint16_t* p) { return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))); }
  static Float LoadBf16(const std::uint16_t* p) {
    const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
  }
  static void Store(float* p, Float x) { _mm512_storeu_ps(p, x); }
  static void StoreHalf(std::uint16_t* p, Float x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
  static void StoreInt8(std::int8_t* p, Float x) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(x)));
  }
  static Float Add(Float a, Float b) { return _mm512_add_ps(a, b); }
  static Float Mul(Float a, Float b) { return _mm512_mul_ps(a, b); }
  static Float Div(Float a, Float b) { return _mm512_div_ps(a, b); }
  static Float Max(Float a, Float b) { return _mm512_max_ps(a, b); }
  static Float Min(Float a, Float b) { return _mm512_min_ps(a, b); }
  static Float Abs(Float a) { return _mm512_abs_ps(a); }
  static Float Fma(Float a, Float b, Float c) { return _mm512_fmadd_ps(a, b, c); }
  static float Sum(Float a) { return _mm512_reduce_add_ps(a); }
  static float Peak(Float a) { return _mm512_reduce_max_ps(a); }
  static float First(Float a) { return _mm512_cvtss_f32(a); }
  static Float Round(Float a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
  static Float Exp2i(Float n) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127)), 23));
  }
};

// Two values, each over one half of the lanes: the scales of two neighbouring blocks.
__m512 Halves(float low, float high) { return _mm512_mask_blend_ps(0xFF00, _mm512_set1_ps(low), _mm512_set1_ps(high)); }

float HalfScale(const std::byte* p) {
  std::uint16_t d = 0;
  __builtin_memcpy(&d, p, sizeof(d));
  return _cvtsh_ss(d);
}

// Quantised weights as unsigned bytes with a constant offset added, 32 from one block. The multiply-add instruction wants one unsigned
// operand; what the offset adds, offset * sum(x), is taken off before the products are added.
struct Q8_0 {
  static constexpr std::size_t kBytes = sizeof(BlockQ8_0);
  static constexpr std::int8_t kOffset = -128;  // as an unsigned byte: 128
  static __m256i Load(const std::byte* block) {
    const __m256i q = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block + sizeof(std::uint16_t)));
    return _mm256_xor_si256(q, _mm256_set1_epi8(kOffset));
  }
};

struct Q4_0 {
  static constexpr std::size_t kBytes = sizeof(BlockQ4_0);
  static constexpr std::int8_t kOffset = 8;
  static __m256i Load(const std::byte* block) {
    const __m128i q = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + sizeof(std::uint16_t)));
    const __m256i both = _mm256_set_m128i(_mm_srli_epi16(q, 4), q);
    return _mm256_and_si256(both, _mm256_set1_epi8(0x0F));
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
    const std::byte* w[R];
    const std::int8_t* q[C];
    const float* scale[C];
    for (int r = 0; r < R; ++r) w[r] = weights.data + static_cast<std::size_t>(row + r) * weights.row_bytes;
    for (int c = 0; c < C; ++c) {
      q[c] = x.q8 + static_cast<std::size_t>(column + c) * static_cast<std::size_t>(x.k);
      scale[c] = x.q8_scale + static_cast<std::size_t>(column + c) * static_cast<std::size_t>(blocks);
    }
    const __m512i offset = _mm512_set1_epi8(Weight::kOffset);
    __m512 acc[R][C];
    for (int r = 0; r < R; ++r) {
      for (int c = 0; c < C; ++c) acc[r][c] = _mm512_setzero_ps();
    }
    int block = 0;
    for (; block + 2 <= blocks; block += 2) {
      __m512i input[C];
      __m512i start[C];
      __m512 input_scale[C];
      for (int c = 0; c < C; ++c) {
        input[c] = _mm512_loadu_si512(q[c] + block * kBlockElements);
        start[c] = _mm512_sub_epi32(_mm512_setzero_si512(), _mm512_dpbusd_epi32(_mm512_setzero_si512(), offset, input[c]));
        input_scale[c] = Halves(scale[c][block], scale[c][block + 1]);
      }
      for (int r = 0; r < R; ++r) {
        const std::byte* at = w[r] + static_cast<std::size_t>(block) * Weight::kBytes;
        PrefetchWeights(at);
        const __m512i weight = _mm512_inserti64x4(_mm512_castsi256_si512(Weight::Load(at)), Weight::Load(at + Weight::kBytes), 1);
        const __m512 weight_scale = Halves(HalfScale(at), HalfScale(at + Weight::kBytes));
        for (int c = 0; c < C; ++c) {
          const __m512 dot = _mm512_cvtepi32_ps(_mm512_dpbusd_epi32(start[c], weight, input[c]));
          acc[r][c] = _mm512_fmadd_ps(dot, _mm512_mul_ps(weight_scale, input_scale[c]), acc[r][c]);
        }
      }
    }
    for (int r = 0; r < R; ++r) {
      for (int c = 0; c < C; ++c) {
        float sum = _mm512_reduce_add_ps(acc[r][c]);
        if (block < blocks)
          sum += LastBlock(w[r] + static_cast<std::size_t>(block) * Weight::kBytes, q[c] + block * kBlockElements, scale[c][block]);
        y[static_cast<std::size_t>(column + c) * y_stride + static_cast<std::size_t>(row + r)] = sum;
      }
    }
  }

  static float LastBlock(const std::byte* at, const std::int8_t* q, float scale) {
    const __m256i input = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(q));
    const __m256i zero = _mm256_setzero_si256();
    const __m256i start = _mm256_sub_epi32(zero, _mm256_dpbusd_epi32(zero, _mm256_set1_epi8(Weight::kOffset), input));
    const __m256i dot = _mm256_dpbusd_epi32(start, Weight::Load(at), input);
    return static_cast<float>(_mm512_reduce_add_epi32(_mm512_zextsi256_si512(dot))) * (HalfScale(at) * scale);
  }
};

}  // namespace

extern const Table kAvx512Table;
constinit const Table kAvx512Table{
    .name = "avx512",
    .matmul_f32 = MatmulFloat<Avx512, WeightF32<Avx512>>,
    .matmul_f16 = MatmulFloat<Avx512, WeightF16<Avx512>>,
    .matmul_bf16 = MatmulFloat<Avx512, WeightBf16<Avx512>>,
    .matmul_q8_0 = MatmulQuantized<QuantizedTile<Q8_0>>,
    .matmul_q4_0 = MatmulQuantized<QuantizedTile<Q4_0>>,
    .quantize_q8 = QuantizeQ8<Avx512>,
    .rms_norm = RmsNorm<Avx512>,
    .silu_mul = SiluMul<Avx512>,
    .add = Add<Avx512>,
    .attend = Attend<Avx512>,
    .peak = Peak<Avx512>,
    .exp_scaled = ExpScaled<Avx512>,
    .f16_to_f32 = F16ToF32<Avx512>,
    .f32_to_f16 = F32ToF16<Avx512>,
};

}  // namespace inferd::kernels
