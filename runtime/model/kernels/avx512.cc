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

float HalfScale(const std::byte* p) {
  std::uint16_t d = 0;
  __builtin_memcpy(&d, p, sizeof(d));
  return _cvtsh_ss(d);
}

// Quantised weights as unsigned bytes with a constant offset added, 32 from one block. The multiply-add instruction wants one unsigned
// operand; what the offset adds, offset * sum(x), is taken off before the products are added.
//
// LoadPair takes two neighbouring blocks, in quarters of 16 bytes whose order is the cheapest to make; Arrange brings 64 inputs into that
// order, and kSecond has a bit for each quarter that belongs to the second block.
struct Q8_0 {
  static constexpr std::size_t kBytes = sizeof(BlockQ8_0);
  static constexpr std::int8_t kOffset = -128;  // as an unsigned byte: 128
  static constexpr unsigned kSecond = 0b1100;
  static __m256i Load(const std::byte* block) {
    const __m256i q = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block + sizeof(std::uint16_t)));
    return _mm256_xor_si256(q, _mm256_set1_epi8(kOffset));
  }
  static __m512i LoadPair(const std::byte* block) {
    const __m512i first = _mm512_castsi256_si512(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(block + sizeof(std::uint16_t))));
    const __m256i second = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block + kBytes + sizeof(std::uint16_t)));
    return _mm512_xor_si512(_mm512_inserti64x4(first, second, 1), _mm512_set1_epi8(kOffset));
  }
  static __m512i Arrange(__m512i input) { return input; }
};

struct Q4_0 {
  static constexpr std::size_t kBytes = sizeof(BlockQ4_0);
  static constexpr std::int8_t kOffset = 8;
  static constexpr unsigned kSecond = 0b1010;
  static __m256i Load(const std::byte* block) {
    const __m128i q = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + sizeof(std::uint16_t)));
    const __m256i both = _mm256_set_m128i(_mm_srli_epi16(q, 4), q);
    return _mm256_and_si256(both, _mm256_set1_epi8(0x0F));
  }
  // The first halves of both blocks, then the second halves.
  static __m512i LoadPair(const std::byte* block) {
    const __m256i first = _mm256_castsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(block + sizeof(std::uint16_t))));
    const __m128i second = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + kBytes + sizeof(std::uint16_t)));
    const __m256i q = _mm256_inserti128_si256(first, second, 1);
    const __m512i all = _mm512_inserti64x4(_mm512_castsi256_si512(q), _mm256_srli_epi16(q, 4), 1);
    return _mm512_and_si512(all, _mm512_set1_epi8(0x0F));
  }
  static __m512i Arrange(__m512i input) { return _mm512_shuffle_i64x2(input, input, 0b11'01'10'00); }
};

// For each lane of 4 bytes: `second` where its quarter is of the second block, else 0.
template <typename Weight>
constexpr short Pick(int quarter, int second) {
  return static_cast<short>((Weight::kSecond >> static_cast<unsigned>(quarter) & 1U) != 0 ? second : 0);
}

// The scales of two neighbouring blocks over the lanes of a pair: one permutation of 16-bit words picks both and spreads them.
template <typename Weight>
__m512 ScalePair(const std::byte* block) {
  constexpr int kSecond = Weight::kBytes / sizeof(std::uint16_t);
  constexpr short a = Pick<Weight>(0, kSecond), b = Pick<Weight>(1, kSecond), c = Pick<Weight>(2, kSecond), d = Pick<Weight>(3, kSecond);
  const __m256i words = _mm256_setr_epi16(a, a, a, a, b, b, b, b, c, c, c, c, d, d, d, d);
  if constexpr (kSecond < 16) {
    return _mm512_cvtph_ps(_mm256_permutexvar_epi16(words, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block))));
  } else {
    const __m512i all = _mm512_permutexvar_epi16(_mm512_castsi256_si512(words), _mm512_loadu_si512(block));
    return _mm512_cvtph_ps(_mm512_castsi512_si256(all));
  }
}

// Two neighbouring blocks of the input: their values and scales in the order of a pair, and what their sum starts with: the weights'
// offset taken off.
struct InputPair {
  __m512i values;
  __m512i start;
  __m512 scale;
};

template <typename Weight>
InputPair LoadInput(const std::int8_t* q, const float* scales) {
  InputPair pair;
  pair.values = Weight::Arrange(_mm512_loadu_si512(q));
  const __m512i zero = _mm512_setzero_si512();
  pair.start = _mm512_sub_epi32(zero, _mm512_dpbusd_epi32(zero, _mm512_set1_epi8(Weight::kOffset), pair.values));
  constexpr int a = Pick<Weight>(0, 1), b = Pick<Weight>(1, 1), c = Pick<Weight>(2, 1), d = Pick<Weight>(3, 1);
  const __m512i lanes = _mm512_setr_epi32(a, a, a, a, b, b, b, b, c, c, c, c, d, d, d, d);
  const __m128 both = _mm_castsi128_ps(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(scales)));
  pair.scale = _mm512_permutexvar_ps(lanes, _mm512_castps128_ps512(both));
  return pair;
}

// acc + the products of a pair of weight blocks and a pair of input blocks.
template <typename Weight>
__m512 AddPair(__m512i weight, __m512 weight_scale, const InputPair& input, __m512 acc) {
  const __m512 dot = _mm512_cvtepi32_ps(_mm512_dpbusd_epi32(input.start, weight, input.values));
  return _mm512_fmadd_ps(dot, _mm512_mul_ps(weight_scale, input.scale), acc);
}

template <typename Weight>
float LastBlock(const std::byte* at, const std::int8_t* q, float scale) {
  const __m256i input = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(q));
  const __m256i zero = _mm256_setzero_si256();
  const __m256i start = _mm256_sub_epi32(zero, _mm256_dpbusd_epi32(zero, _mm256_set1_epi8(Weight::kOffset), input));
  const __m256i dot = _mm256_dpbusd_epi32(start, Weight::Load(at), input);
  return static_cast<float>(_mm512_reduce_add_epi32(_mm512_zextsi256_si512(dot))) * (HalfScale(at) * scale);
}

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
    __m512 acc[R][C];
    for (int r = 0; r < R; ++r) {
      for (int c = 0; c < C; ++c) acc[r][c] = _mm512_setzero_ps();
    }
    int block = 0;
    for (; block + 2 <= blocks; block += 2) {
      InputPair input[C];
      for (int c = 0; c < C; ++c) input[c] = LoadInput<Weight>(q[c] + block * kBlockElements, scale[c] + block);
      for (int r = 0; r < R; ++r) {
        const std::byte* at = w[r] + static_cast<std::size_t>(block) * Weight::kBytes;
        PrefetchWeights(at);
        const __m512i weight = Weight::LoadPair(at);
        const __m512 weight_scale = ScalePair<Weight>(at);
        for (int c = 0; c < C; ++c) acc[r][c] = AddPair<Weight>(weight, weight_scale, input[c], acc[r][c]);
      }
    }
    for (int r = 0; r < R; ++r) {
      for (int c = 0; c < C; ++c) {
        float sum = _mm512_reduce_add_ps(acc[r][c]);
        if (block < blocks)
          sum += LastBlock<Weight>(w[r] + static_cast<std::size_t>(block) * Weight::kBytes, q[c] + block * kBlockElements, scale[c][block]);
        y[static_cast<std::size_t>(column + c) * y_stride + static_cast<std::size_t>(row + r)] = sum;
      }
    }
  }
};

// One input, as in generation: what depends on the input alone is computed once for all rows. The operations on each element and their
// order are those of the tile.
constexpr int kMostPairs = 512;

template <typename Weight>
void MatmulOne(const MatrixView& weights, int row_begin, int row_end, const Activations& x, float* y) {
  InputPair input[kMostPairs];
  const int blocks = weights.k / kBlockElements;
  const int pairs = blocks / 2;
  for (int p = 0; p < pairs; ++p) input[p] = LoadInput<Weight>(x.q8 + 2 * p * kBlockElements, x.q8_scale + 2 * p);
  for (int row = row_begin; row < row_end; ++row) {
    const std::byte* at = weights.data + static_cast<std::size_t>(row) * weights.row_bytes;
    __m512 acc = _mm512_setzero_ps();
    for (int p = 0; p < pairs; ++p, at += 2 * Weight::kBytes) {
      PrefetchWeights(at);
      acc = AddPair<Weight>(Weight::LoadPair(at), ScalePair<Weight>(at), input[p], acc);
    }
    y[row] = _mm512_reduce_add_ps(acc);
    if (blocks % 2 != 0) y[row] += LastBlock<Weight>(at, x.q8 + 2 * pairs * kBlockElements, x.q8_scale[2 * pairs]);
  }
}

template <typename Weight>
void Matmul(const MatrixView& weights, int row_begin, int row_end, const Activations& x, float* y, std::size_t y_stride) {
  if (x.columns == 1 && weights.k <= kMostPairs * 2 * kBlockElements) {
    MatmulOne<Weight>(weights, row_begin, row_end, x, y);
  } else {
    MatmulQuantized<QuantizedTile<Weight>>(weights, row_begin, row_end, x, y, y_stride);
  }
}

}  // namespace

extern const Table kAvx512Table;
constinit const Table kAvx512Table{
    .name = "avx512",
    .matmul_f32 = MatmulFloat<Avx512, WeightF32<Avx512>>,
    .matmul_f16 = MatmulFloat<Avx512, WeightF16<Avx512>>,
    .matmul_bf16 = MatmulFloat<Avx512, WeightBf16<Avx512>>,
    .matmul_q8_0 = Matmul<Q8_0>,
    .matmul_q4_0 = Matmul<Q4_0>,
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
