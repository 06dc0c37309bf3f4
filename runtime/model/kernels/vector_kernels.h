// The vector kernels, written once over a traits class V that wraps one instruction set. Everything is in an unnamed namespace and
// nothing from the standard library with out-of-line code is used: each including file is compiled for another instruction set, and
// the linker must never take one file's copy of a function for another's.
//
// V gives: Float (a vector of kFloats floats), Zero, Set1, Load, LoadHalf, LoadBf16, Store, StoreHalf, Add, Mul, Div, Max, Fma (a * b + c),
// Sum and Peak (over lanes, fixed order), Exp2i (2^n of a rounded vector), Round, and the quantised tiles.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/model/kernels/blocks.h"
#include "runtime/model/kernels/kernels.h"

namespace inferd::kernels {
namespace {  // NOLINT(google-build-namespaces): see above

constexpr int kTileRows = 4;
constexpr int kTileColumns = 4;
// Activations of this many bytes stay in half of a typical second-level cache while a group of rows walks over them.
constexpr int kColumnBlockBytes = 512 * 1024;

// Weights are read once and in order, in blocks whose odd sizes the hardware's prefetchers follow badly: asking for them this far ahead
// is worth a factor of 1.5 to 2.5 in generation (`scripts/bench --only engine`). Beyond the end of the matrix it is harmless.
constexpr int kPrefetchBytes = 4096;
inline void PrefetchWeights(const std::byte* at) { __builtin_prefetch(at + kPrefetchBytes); }

// Calls tile.Run<R, C>(row, column) over the whole product: blocks of columns outside, groups of rows inside, so that a group of weight
// rows is read from memory once per column block.
template <typename Tile>
void WalkTiles(const Tile& tile, int row_begin, int row_end, int columns, int column_bytes) {
  const int fitting = kColumnBlockBytes / (column_bytes > 0 ? column_bytes : 1) / kTileColumns * kTileColumns;
  const int block = fitting > kTileColumns ? fitting : kTileColumns;
  for (int first = 0; first < columns; first += block) {
    const int end = first + block < columns ? first + block : columns;
    int row = row_begin;
    const auto across = [&]<int R>() {
      int column = first;
      for (; column + kTileColumns <= end; column += kTileColumns) tile.template Run<R, kTileColumns>(row, column);
      switch (end - column) {
        case 3: tile.template Run<R, 3>(row, column); break;
        case 2: tile.template Run<R, 2>(row, column); break;
        case 1: tile.template Run<R, 1>(row, column); break;
        default: break;
      }
    };
    // With one input there is nothing to reuse, and row after row is one long stream instead of several short ones side by side.
    if (columns > 1) {
      for (; row + kTileRows <= row_end; row += kTileRows) across.template operator()<kTileRows>();
    }
    for (; row < row_end; ++row) across.template operator()<1>();
  }
}

template <typename V>
struct WeightF32 {
  static constexpr std::ptrdiff_t kBytes = 4;
  static typename V::Float Load(const std::byte* row, int i) { return V::Load(reinterpret_cast<const float*>(row) + i); }
  static float At(const std::byte* row, int i) {
    float value = 0;
    __builtin_memcpy(&value, row + static_cast<std::ptrdiff_t>(i) * 4, 4);
    return value;
  }
};

inline std::uint16_t HalfAt(const std::byte* row, int i) {
  std::uint16_t value = 0;
  __builtin_memcpy(&value, row + static_cast<std::ptrdiff_t>(i) * 2, 2);
  return value;
}

template <typename V>
struct WeightF16 {
  static constexpr std::ptrdiff_t kBytes = 2;
  static typename V::Float Load(const std::byte* row, int i) { return V::LoadHalf(reinterpret_cast<const std::uint16_t*>(row) + i); }
  static float At(const std::byte* row, int i) { return HalfToFloat(HalfAt(row, i)); }
};

template <typename V>
struct WeightBf16 {
  static constexpr std::ptrdiff_t kBytes = 2;
  static typename V::Float Load(const std::byte* row, int i) { return V::LoadBf16(reinterpret_cast<const std::uint16_t*>(row) + i); }
  static float At(const std::byte* row, int i) { return Bf16ToFloat(HalfAt(row, i)); }
};

template <typename V, typename Weight>
struct FloatTile {
  const MatrixView& weights;
  const Activations& x;
  float* y;
  std::size_t y_stride;

  template <int R, int C>
  void Run(int row, int column) const {
    const std::byte* w[R];
    const float* in[C];
    for (int r = 0; r < R; ++r) w[r] = weights.data + static_cast<std::size_t>(row + r) * weights.row_bytes;
    for (int c = 0; c < C; ++c) in[c] = x.f32 + static_cast<std::size_t>(column + c) * static_cast<std::size_t>(x.k);
    typename V::Float acc[R][C];
    for (int r = 0; r < R; ++r) {
      for (int c = 0; c < C; ++c) acc[r][c] = V::Zero();
    }
    const int whole = weights.k / V::kFloats * V::kFloats;
    for (int i = 0; i < whole; i += V::kFloats) {
      typename V::Float input[C];
      for (int c = 0; c < C; ++c) input[c] = V::Load(in[c] + i);
      for (int r = 0; r < R; ++r) {
        PrefetchWeights(w[r] + i * Weight::kBytes);
        const typename V::Float weight = Weight::Load(w[r], i);
        for (int c = 0; c < C; ++c) acc[r][c] = V::Fma(weight, input[c], acc[r][c]);
      }
    }
    for (int r = 0; r < R; ++r) {
      for (int c = 0; c < C; ++c) {
        float sum = V::Sum(acc[r][c]);
        for (int i = whole; i < weights.k; ++i) sum += Weight::At(w[r], i) * in[c][i];
        y[static_cast<std::size_t>(column + c) * y_stride + static_cast<std::size_t>(row + r)] = sum;
      }
    }
  }
};

template <typename V, typename Weight>
void MatmulFloat(const MatrixView& weights, int row_begin, int row_end, const Activations& x, float* y, std::size_t y_stride) {
  WalkTiles(FloatTile<V, Weight>{weights, x, y, y_stride}, row_begin, row_end, x.columns, x.k * static_cast<int>(sizeof(float)));
}

template <typename Tile>
void MatmulQuantized(const MatrixView& weights, int row_begin, int row_end, const Activations& x, float* y, std::size_t y_stride) {
  WalkTiles(Tile{weights, x, y, y_stride}, row_begin, row_end, x.columns, x.k);
}

// exp(x) to about 2 ulp: x = n ln 2 + r, exp(x) = 2^n p(r) (polynomial of Cephes' expf, S. L. Moshier). Below -87 it is about 1e-38.
template <typename V>
typename V::Float Exp(typename V::Float x) {
  x = V::Max(V::Min(x, V::Set1(88.0F)), V::Set1(-87.0F));
  const typename V::Float n = V::Round(V::Mul(x, V::Set1(1.44269504088896341F)));
  typename V::Float r = V::Fma(n, V::Set1(-0.693359375F), x);
  r = V::Fma(n, V::Set1(2.12194440e-4F), r);
  typename V::Float p = V::Set1(1.9875691500e-4F);
  p = V::Fma(p, r, V::Set1(1.3981999507e-3F));
  p = V::Fma(p, r, V::Set1(8.3334519073e-3F));
  p = V::Fma(p, r, V::Set1(4.1665795894e-2F));
  p = V::Fma(p, r, V::Set1(1.6666665459e-1F));
  p = V::Fma(p, r, V::Set1(5.0000001201e-1F));
  p = V::Fma(V::Mul(r, r), p, V::Add(r, V::Set1(1.0F)));
  return V::Mul(p, V::Exp2i(n));
}

// One value through the vector form, so that a tail is computed exactly as a body.
template <typename V>
float ExpOne(float x) {
  return V::First(Exp<V>(V::Set1(x)));
}

template <typename V>
void RmsNorm(const float* x, const float* weight, int n, float epsilon, float* y) {
  const int whole = n / V::kFloats * V::kFloats;
  typename V::Float acc = V::Zero();
  for (int i = 0; i < whole; i += V::kFloats) acc = V::Fma(V::Load(x + i), V::Load(x + i), acc);
  float sum = V::Sum(acc);
  for (int i = whole; i < n; ++i) sum += x[i] * x[i];
  const float scale = 1.0F / __builtin_sqrtf(sum / static_cast<float>(n) + epsilon);
  for (int i = 0; i < whole; i += V::kFloats) {
    V::Store(y + i, V::Mul(V::Mul(V::Load(x + i), V::Set1(scale)), V::Load(weight + i)));
  }
  for (int i = whole; i < n; ++i) y[i] = x[i] * scale * weight[i];
}

template <typename V>
void SiluMul(float* gate, const float* up, int n) {
  const int whole = n / V::kFloats * V::kFloats;
  for (int i = 0; i < whole; i += V::kFloats) {
    const typename V::Float g = V::Load(gate + i);
    const typename V::Float denominator = V::Add(V::Set1(1.0F), Exp<V>(V::Mul(g, V::Set1(-1.0F))));
    V::Store(gate + i, V::Mul(V::Div(g, denominator), V::Load(up + i)));
  }
  for (int i = whole; i < n; ++i) gate[i] = gate[i] / (1.0F + ExpOne<V>(-gate[i])) * up[i];
}

template <typename V>
void Add(float* y, const float* x, int n) {
  const int whole = n / V::kFloats * V::kFloats;
  for (int i = 0; i < whole; i += V::kFloats) V::Store(y + i, V::Add(V::Load(y + i), V::Load(x + i)));
  for (int i = whole; i < n; ++i) y[i] += x[i];
}

template <typename V>
void Attend(const float* query, const float* keys, const float* values, int positions, int head_dim, float scale, AttentionState& state) {
  constexpr int kMost = 16;
  float weight[kMost];
  float peak = state.max;
  const int whole = head_dim / V::kFloats * V::kFloats;
  for (int p = 0; p < positions; ++p) {
    const float* key = keys + static_cast<std::ptrdiff_t>(p) * head_dim;
    typename V::Float acc = V::Zero();
    for (int i = 0; i < whole; i += V::kFloats) acc = V::Fma(V::Load(query + i), V::Load(key + i), acc);
    float score = V::Sum(acc);
    for (int i = whole; i < head_dim; ++i) score += query[i] * key[i];
    weight[p] = score * scale;
    if (weight[p] > peak) peak = weight[p];
  }
  if (peak > state.max) {
    const float shrink = state.sum > 0 ? ExpOne<V>(state.max - peak) : 0.0F;
    state.max = peak;
    state.sum *= shrink;
    for (int i = 0; i < whole; i += V::kFloats) V::Store(state.acc + i, V::Mul(V::Load(state.acc + i), V::Set1(shrink)));
    for (int i = whole; i < head_dim; ++i) state.acc[i] *= shrink;
  }
  for (int p = positions; p < kMost; ++p) weight[p] = -87.0F;
  for (int i = 0; i < kMost; i += V::kFloats) V::Store(weight + i, Exp<V>(V::Add(V::Load(weight + i), V::Set1(-peak))));
  for (int p = 0; p < positions; ++p) state.sum += weight[p];
  for (int i = 0; i < whole; i += V::kFloats) {
    typename V::Float acc = V::Load(state.acc + i);
    for (int p = 0; p < positions; ++p) {
      acc = V::Fma(V::Set1(weight[p]), V::Load(values + static_cast<std::ptrdiff_t>(p) * head_dim + i), acc);
    }
    V::Store(state.acc + i, acc);
  }
  for (int i = whole; i < head_dim; ++i) {
    for (int p = 0; p < positions; ++p) state.acc[i] += weight[p] * values[static_cast<std::ptrdiff_t>(p) * head_dim + i];
  }
}

template <typename V>
float Peak(const float* x, int n) {
  const int whole = n / V::kFloats * V::kFloats;
  float peak = x[0];
  if (whole > 0) {
    typename V::Float peaks = V::Load(x);
    for (int i = V::kFloats; i < whole; i += V::kFloats) peaks = V::Max(peaks, V::Load(x + i));
    peak = V::Peak(peaks);
  }
  for (int i = whole; i < n; ++i) peak = x[i] > peak ? x[i] : peak;
  return peak;
}

// Partial sums of a thousand or so values in float, their total in double: large vocabularies keep their small probabilities.
template <typename V>
double ExpScaled(const float* x, int n, float peak, float scale, float* y) {
  constexpr int kRun = 1024;
  double sum = 0;
  for (int first = 0; first < n; first += kRun) {
    const int end = first + kRun < n ? first + kRun : n;
    const int whole = first + (end - first) / V::kFloats * V::kFloats;
    typename V::Float acc = V::Zero();
    for (int i = first; i < whole; i += V::kFloats) {
      const typename V::Float e = Exp<V>(V::Mul(V::Add(V::Load(x + i), V::Set1(-peak)), V::Set1(scale)));
      V::Store(y + i, e);
      acc = V::Add(acc, e);
    }
    sum += static_cast<double>(V::Sum(acc));
    for (int i = whole; i < end; ++i) {
      y[i] = ExpOne<V>((x[i] - peak) * scale);
      sum += static_cast<double>(y[i]);
    }
  }
  return sum;
}

template <typename V>
void F16ToF32(const std::uint16_t* x, int n, float* y) {
  const int whole = n / V::kFloats * V::kFloats;
  for (int i = 0; i < whole; i += V::kFloats) V::Store(y + i, V::LoadHalf(x + i));
  for (int i = whole; i < n; ++i) y[i] = HalfToFloat(x[i]);
}

template <typename V>
void F32ToF16(const float* x, int n, std::uint16_t* y) {
  const int whole = n / V::kFloats * V::kFloats;
  for (int i = 0; i < whole; i += V::kFloats) V::StoreHalf(y + i, V::Load(x + i));
  for (int i = whole; i < n; ++i) y[i] = FloatToHalf(x[i]);
}

template <typename V>
void QuantizeQ8(const float* x, int n, std::int8_t* q, float* scale) {
  for (int block = 0; block < n / kBlockElements; ++block, x += kBlockElements, q += kBlockElements) {
    typename V::Float peaks = V::Zero();
    for (int i = 0; i < kBlockElements; i += V::kFloats) peaks = V::Max(peaks, V::Abs(V::Load(x + i)));
    const float peak = V::Peak(peaks);
    const float inverse = peak > 0 ? 127.0F / peak : 0.0F;
    for (int i = 0; i < kBlockElements; i += V::kFloats) V::StoreInt8(q + i, V::Mul(V::Load(x + i), V::Set1(inverse)));
    scale[block] = HalfToFloat(FloatToHalf(peak / 127.0F));
  }
}

}  // namespace
}  // namespace inferd::kernels
