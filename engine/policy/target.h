#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace rpcaudit::policy {

// What a policy is judged for: what the documents say, or what a version of Windows is known to do.
enum class Target : std::uint8_t {
  documented,
  ws2008,
  ws2008r2,
  ws2012r2,
  ws2016,
  ws2019,
  ws2022,
  ws2025,
  w10,
  w11_24h2,
  w11_25h2,
};

inline constexpr std::size_t kTargetCount = 11;

// What versions differ in: one row of the table each.
enum class Difference : std::uint8_t {
  opnum,
  pipe_addresses,
  address_order,
  v4_byte_order,
  alternatives,
  datagrams,
  only_continue,
  audit,
  audited_block,
  audit_parameters,
  separate_processes,
};

inline constexpr std::size_t kDifferenceCount = 11;

// What a target does about a difference: one cell of the table.
enum class Behaviour : std::uint8_t {
  applies,      // as written
  ignored,      // the condition counts as met
  refused,      // the system does not take a filter that has it
  contested,    // as written, and other sources have it otherwise
  never,        // the condition is never met
  swapped,      // compared in the order of the network, which other sources have otherwise
  all_needed,   // adjacent conditions on one field must all be met
  undecidable,  // the sources do not tell
  permits,      // falls through to what is permitted
  logs_only,    // a filter with audit is logged, not applied
};

inline constexpr std::size_t kBehaviourCount = 10;

[[nodiscard]] std::string_view to_string(Target target) noexcept;  // as on the command line
[[nodiscard]] std::string_view to_string(Difference difference) noexcept;
[[nodiscard]] std::string_view to_string(Behaviour behaviour) noexcept;
// Case-insensitive.
[[nodiscard]] std::optional<Target> parse_target(std::string_view token) noexcept;

// A column of the table; a row of it may be changed to see whether it matters.
class TargetProfile {
 public:
  constexpr TargetProfile() noexcept;  // `documented`
  explicit TargetProfile(Target target) noexcept;

  [[nodiscard]] constexpr Behaviour operator[](Difference difference) const noexcept {
    return behaviours_[static_cast<std::size_t>(difference)];
  }
  constexpr void set(Difference difference, Behaviour behaviour) noexcept {
    behaviours_[static_cast<std::size_t>(difference)] = behaviour;
  }

  bool operator==(const TargetProfile&) const = default;

 private:
  std::array<Behaviour, kDifferenceCount> behaviours_{
      Behaviour::applies, Behaviour::contested, Behaviour::applies,     Behaviour::applies,
      Behaviour::applies, Behaviour::applies,   Behaviour::undecidable, Behaviour::logs_only,
      Behaviour::applies, Behaviour::applies,   Behaviour::applies};
};

constexpr TargetProfile::TargetProfile() noexcept = default;

// One row: what each target does, in the order of Target, and what says so.
struct DifferenceRow {
  Difference difference;
  std::string_view about;
  std::array<Behaviour, kTargetCount> behaviours;
  std::string_view source;
};

[[nodiscard]] std::span<const DifferenceRow> target_table() noexcept;

}  // namespace rpcaudit::policy
