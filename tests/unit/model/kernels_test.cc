// Every table against the scalar reference, on every size class of tile and tail, and against itself for batch invariance.
#include "runtime/model/kernels/kernels.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/model/kernels/blocks.h"

namespace inferd::kernels {
namespace {

using gguf::TensorType;

std::vector<float> RandomFloats(std::mt19937& random, std::size_t n) {
  std::normal_distribution<float> normal;
  std::vector<float> values(n);
  for (float& value : values) value = normal(random);
  return values;
}

// A matrix of random bytes that are valid weights of the type.
struct RandomMatrix {
  std::vector<std::byte> bytes;
  MatrixView view;

  RandomMatrix(std::mt19937& random, TensorType type, int rows, int k) {
    const std::size_t row_bytes = gguf::RowBytes(type, static_cast<std::size_t>(k));
    bytes.resize(row_bytes * static_cast<std::size_t>(rows));
    std::normal_distribution<float> normal;
    const auto put_half = [&](std::size_t at, std::uint16_t h) { std::memcpy(&bytes[at], &h, 2); };
    const auto n = static_cast<std::size_t>(rows) * static_cast<std::size_t>(k);
    if (type == TensorType::kF32) {
      const std::vector<float> values = RandomFloats(random, n);
      std::memcpy(bytes.data(), values.data(), bytes.size());
    } else if (type == TensorType::kF16) {
      for (std::size_t i = 0; i < n; ++i) put_half(i * 2, FloatToHalf(normal(random)));
    } else if (type == TensorType::kBF16) {
      for (std::size_t i = 0; i < n; ++i) put_half(i * 2, static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(normal(random)) >> 16U));
    } else {
      for (std::byte& b : bytes) b = static_cast<std::byte>(random());
      const std::size_t block = gguf::GetTensorType(type).block_bytes;
      for (std::size_t at = 0; at < bytes.size(); at += block) put_half(at, FloatToHalf(0.02F * normal(random)));
    }
    view = {type, bytes.data(), rows, k, row_bytes};
  }
};

// Vectors and their int8 form.
struct RandomInputs {
  std::vector<float> f32;
  std::vector<std::int8_t> q8;
  std::vector<float> scale;
  Activations view;

  RandomInputs(std::mt19937& random, int columns, int k)
      : f32(RandomFloats(random, static_cast<std::size_t>(columns) * static_cast<std::size_t>(k))) {
    q8.resize(f32.size());
    scale.resize(f32.size() / kBlockElements + 1);
    view = {f32.data(), q8.data(), scale.data(), columns, k};
    if (k % kBlockElements == 0) ScalarTable().quantize_q8(f32.data(), columns * k, q8.data(), scale.data());
  }
  Activations Column(int c) const {
    const auto offset = static_cast<std::ptrdiff_t>(c) * view.k;
    return {f32.data() + offset, q8.data() + offset, scale.data() + offset / kBlockElements, 1, view.k};
  }
};

class Matmul : public ::testing::TestWithParam<std::tuple<TensorType, const Table*>> {};

TEST_P(Matmul, AgreesWithTheReferenceAndDoesNotDependOnTheBatch) {
  const auto [type, table] = GetParam();
  std::mt19937 random(7);
  for (const int k : {32, 64, 96, 352, 1024, 33024}) {
    if (k > 1024 && !NeedsQ8(type)) continue;  // longer than what a kernel prepares at once
    for (const int rows : {1, 3, 4, 9}) {
      for (const int columns : {1, 2, 3, 4, 5, 11}) {
        const RandomMatrix weights(random, type, rows, k);
        const RandomInputs x(random, columns, k);
        const auto n = static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns);
        std::vector<float> expected(n), actual(n, NAN), alone(static_cast<std::size_t>(rows));
        ScalarTable().matmul(type)(weights.view, 0, rows, x.view, expected.data(), static_cast<std::size_t>(rows));
        table->matmul(type)(weights.view, 0, rows, x.view, actual.data(), static_cast<std::size_t>(rows));
        for (std::size_t i = 0; i < n; ++i) {
          ASSERT_NEAR(actual[i], expected[i], 1e-4 * std::sqrt(k) + 1e-5 * std::fabs(expected[i]))
              << table->name << " k=" << k << " i=" << i;
        }
        for (int c = 0; c < columns; ++c) {
          for (int r = 0; r < rows; ++r) table->matmul(type)(weights.view, r, r + 1, x.Column(c), alone.data(), 0);
          ASSERT_EQ(std::memcmp(alone.data(), &actual[static_cast<std::size_t>(c) * static_cast<std::size_t>(rows)],
                                alone.size() * sizeof(float)),
                    0)
              << table->name << ": column " << c << " of " << columns << " differs when computed alone";
        }
      }
    }
  }
}

TEST_P(Matmul, OddLengthsOfUnquantisedRows) {
  const auto [type, table] = GetParam();
  if (NeedsQ8(type)) return;  // their rows are whole blocks by definition
  std::mt19937 random(8);
  for (const int k : {1, 7, 8, 15, 17, 33}) {
    const RandomMatrix weights(random, type, 5, k);
    const RandomInputs x(random, 3, k);
    std::vector<float> expected(15), actual(15, NAN);
    ScalarTable().matmul(type)(weights.view, 0, 5, x.view, expected.data(), 5);
    table->matmul(type)(weights.view, 0, 5, x.view, actual.data(), 5);
    for (std::size_t i = 0; i < 15; ++i) ASSERT_NEAR(actual[i], expected[i], 1e-4) << table->name << " k=" << k;
  }
}

TEST_P(Matmul, ExtremeQuantisedValuesDoNotSaturate) {
  const auto [type, table] = GetParam();
  if (!NeedsQ8(type)) return;  // integer saturation is theirs alone
  std::mt19937 random(9);
  RandomMatrix weights(random, type, 4, 64);
  const std::size_t block = gguf::GetTensorType(type).block_bytes;
  for (std::size_t at = 0; at < weights.bytes.size(); ++at) {
    if (at % block >= 2) weights.bytes[at] = static_cast<std::byte>(type == TensorType::kQ8_0 ? 0x80 : 0x00);  // -128, -8
  }
  RandomInputs x(random, 2, 64);
  std::fill(x.q8.begin(), x.q8.end(), std::int8_t{127});
  std::vector<float> expected(8), actual(8);
  ScalarTable().matmul(type)(weights.view, 0, 4, x.view, expected.data(), 4);
  table->matmul(type)(weights.view, 0, 4, x.view, actual.data(), 4);
  for (std::size_t i = 0; i < 8; ++i) EXPECT_FLOAT_EQ(actual[i], expected[i]);
}

INSTANTIATE_TEST_SUITE_P(AllTypesAndTables, Matmul,
                         ::testing::Combine(::testing::Values(TensorType::kF32, TensorType::kF16, TensorType::kBF16, TensorType::kQ8_0,
                                                              TensorType::kQ4_0),
                                            ::testing::ValuesIn(AvailableTables().begin(), AvailableTables().end())),
                         [](const auto& param_info) {
                           return std::string(gguf::GetTensorType(std::get<0>(param_info.param)).name) + "_" +
                                  std::string(std::get<1>(param_info.param)->name);
                         });

class Vector : public ::testing::TestWithParam<const Table*> {};

TEST_P(Vector, ElementwiseKernelsAgree) {
  std::mt19937 random(11);
  for (const int n : {1, 2, 8, 15, 16, 31, 64, 100, 1000}) {
    const auto size = static_cast<std::size_t>(n);
    const std::vector<float> x = RandomFloats(random, size), w = RandomFloats(random, size);
    std::vector<float> expected(size), actual(size);
    ScalarTable().rms_norm(x.data(), w.data(), n, 1e-6F, expected.data());
    GetParam()->rms_norm(x.data(), w.data(), n, 1e-6F, actual.data());
    for (std::size_t i = 0; i < size; ++i) ASSERT_NEAR(actual[i], expected[i], 1e-5 * (1 + std::fabs(expected[i])));
    expected = x;
    actual = x;
    ScalarTable().silu_mul(expected.data(), w.data(), n);
    GetParam()->silu_mul(actual.data(), w.data(), n);
    for (std::size_t i = 0; i < size; ++i) ASSERT_NEAR(actual[i], expected[i], 1e-5 * (1 + std::fabs(expected[i])));
    GetParam()->add(actual.data(), w.data(), n);
    ScalarTable().add(expected.data(), w.data(), n);
    for (std::size_t i = 0; i < size; ++i) ASSERT_NEAR(actual[i], expected[i], 1e-5 * (1 + std::fabs(expected[i])));
  }
}

TEST_P(Vector, SiluOfExtremesIsFinite) {
  std::vector<float> gate{-1e30F, -200, -88, 0, 88, 200, 1e30F, -1e4F}, up(8, 1.0F);
  GetParam()->silu_mul(gate.data(), up.data(), 8);
  for (const float value : gate) EXPECT_TRUE(std::isfinite(value));
  EXPECT_NEAR(gate[1], 0, 1e-30);
  EXPECT_FLOAT_EQ(gate[5], 200);
}

TEST_P(Vector, QuantisesLikeTheReference) {
  std::mt19937 random(12);
  std::vector<float> x = RandomFloats(random, 256);
  std::fill_n(x.begin() + 32, 32, 0.0F);
  std::vector<std::int8_t> expected(256), actual(256);
  std::vector<float> expected_scale(8), actual_scale(8);
  ScalarTable().quantize_q8(x.data(), 256, expected.data(), expected_scale.data());
  GetParam()->quantize_q8(x.data(), 256, actual.data(), actual_scale.data());
  EXPECT_EQ(actual, expected);
  EXPECT_EQ(actual_scale, expected_scale);
}

TEST_P(Vector, AttentionAgreesOverSeveralBlocks) {
  std::mt19937 random(13);
  for (const int head_dim : {2, 16, 24, 64, 128}) {
    const auto dim = static_cast<std::size_t>(head_dim);
    std::vector<float> acc_expected(dim), acc_actual(dim);
    AttentionState expected{-std::numeric_limits<float>::infinity(), 0, acc_expected.data()};
    AttentionState actual{-std::numeric_limits<float>::infinity(), 0, acc_actual.data()};
    const std::vector<float> query = RandomFloats(random, dim);
    for (const int positions : {16, 16, 5, 1}) {
      const std::vector<float> keys = RandomFloats(random, dim * 16), values = RandomFloats(random, dim * 16);
      ScalarTable().attend(query.data(), keys.data(), values.data(), positions, head_dim, 0.3F, expected);
      GetParam()->attend(query.data(), keys.data(), values.data(), positions, head_dim, 0.3F, actual);
    }
    for (std::size_t i = 0; i < dim; ++i) EXPECT_NEAR(actual.acc[i] / actual.sum, expected.acc[i] / expected.sum, 2e-5);
  }
}

TEST_P(Vector, SoftmaxNumeratorsAgree) {
  std::mt19937 random(15);
  for (const int n : {1, 7, 16, 1000, 5000}) {
    const auto size = static_cast<std::size_t>(n);
    const std::vector<float> x = RandomFloats(random, size);
    std::vector<float> expected(size), actual(size);
    const float peak = ScalarTable().peak(x.data(), n);
    EXPECT_EQ(GetParam()->peak(x.data(), n), peak);
    const double expected_sum = ScalarTable().exp_scaled(x.data(), n, peak, 1.7F, expected.data());
    const double actual_sum = GetParam()->exp_scaled(x.data(), n, peak, 1.7F, actual.data());
    EXPECT_NEAR(actual_sum, expected_sum, 1e-6 * expected_sum);
    for (std::size_t i = 0; i < size; ++i) ASSERT_NEAR(actual[i], expected[i], 1e-6);
  }
}

TEST_P(Vector, HalfConversionsAreExact) {
  std::vector<std::uint16_t> halves;
  for (std::uint32_t h = 0; h < 0x10000; ++h) {
    if ((h & 0x7C00U) == 0x7C00U && (h & 0x3FFU) != 0) continue;  // NaN payloads may differ
    halves.push_back(static_cast<std::uint16_t>(h));
  }
  std::vector<float> floats(halves.size());
  std::vector<std::uint16_t> back(halves.size());
  GetParam()->f16_to_f32(halves.data(), static_cast<int>(halves.size()), floats.data());
  GetParam()->f32_to_f16(floats.data(), static_cast<int>(halves.size()), back.data());
  EXPECT_EQ(back, halves);
  for (std::size_t i = 0; i < halves.size(); ++i) ASSERT_EQ(floats[i], HalfToFloat(halves[i]));
  std::mt19937 random(14);
  for (int i = 0; i < 20000; ++i) {
    const float f = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    if (std::isnan(f)) continue;
    std::uint16_t h = 0;
    std::vector<float> row(16, f);
    std::vector<std::uint16_t> out(16);
    GetParam()->f32_to_f16(row.data(), 16, out.data());
    ScalarTable().f32_to_f16(&f, 1, &h);
    ASSERT_EQ(out[0], h) << f;
  }
}

INSTANTIATE_TEST_SUITE_P(AllTables, Vector, ::testing::ValuesIn(AvailableTables().begin(), AvailableTables().end()),
                         [](const auto& param_info) { return std::string(param_info.param->name); });

}  // namespace
}  // namespace inferd::kernels
