#include "engine/policy/listings/new_rpc_filter.h"

#include <utility>

#include "engine/policy/condition_data.h"
#include "engine/policy/filter_weight.h"
#include "engine/policy/listings/dsinternals_names.h"
#include "engine/policy/listings/filter_collector.h"
#include "engine/policy/text/cmdlet_arguments.h"
#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

constexpr std::uint64_t kWeightRangeMax = 15;
constexpr unsigned kWeightRangeShift = 60;

class FilterBuilder {
 public:
  FilterBuilder(std::span<const Word> words, const SourceSpan& command, Reporter& reporter)
      : reporter_(reporter),
        arguments_(words,
                   {"Audit", "Persistent", "PassThrough", "PassThru", "BootTimeEnforced", "Boot",
                    "SecurityDescriptorNegativeMatch", "Verbose", "Confirm", "WhatIf"}) {
    filter_.layer = Layer::um;
    filter_.by_api = true;
    filter_.span = command;
  }

  std::optional<Filter> build() {
    read_head();
    read_interface();
    add_number(Field::opnum, arguments_.find({"OperationNumber", "OpNum"}), 0xffff);
    add_named(Field::protocol,
              arguments_.find({"Transport", "ProtSeq", "Binding", "ProtocolSequence"}),
              dsinternals_transport);
    add_named(Field::auth_level, arguments_.find({"AuthenticationLevel", "AuthLevel"}),
              dsinternals_auth_level);
    if (failed_ || !read_level_match()) return std::nullopt;
    add_named(Field::auth_type, arguments_.find({"AuthenticationType", "AuthType"}),
              dsinternals_auth_type);
    add_number(Field::local_port, arguments_.find({"LocalPort"}), 0xffff);
    add_text(Field::pipe, arguments_.find({"NamedPipe", "PipeName", "Pipe"}));
    add_text(Field::image_name, arguments_.find({"ImageName"}));
    add_uuid(Field::dcom_app_id, arguments_.find({"DcomAppId"}));
    add_address(Field::remote_addr_v4, Field::remote_addr_v6,
                arguments_.find({"RemoteAddress", "IPAddress", "Address"}),
                arguments_.find({"RemoteAddressMask", "Mask", "PrefixLength", "Prefix"}));
    add_address(Field::local_addr_v4, Field::local_addr_v6, arguments_.find({"LocalAddress"}),
                arguments_.find({"LocalAddressMask"}));
    add_descriptor();
    read_weight();
    if (failed_) return std::nullopt;
    return std::move(filter_);
  }

 private:
  void fail(const Word& word, std::string_view what) {
    failed_ = true;
    reporter_.error("bad-cmdlet-value", word.span(),
                    quoted(word.text) + " is no " + std::string(what),
                    "variables and expressions are not followed: write the value");
  }

  void read_head() {
    const Word* const action = arguments_.find({"Action"});
    const std::optional<Action> read =
        action != nullptr ? parse_action(action->text) : std::nullopt;
    if (action == nullptr) {
      failed_ = true;
      reporter_.error("missing-argument", filter_.span, "`New-RpcFilter` needs `-Action`");
    } else if (!read) {
      fail(*action, "action of a filter");
    }
    filter_.action = read.value_or(Action::permit);
    filter_.audit = arguments_.has("Audit");
    filter_.persistent = arguments_.has("Persistent") || arguments_.has("BootTimeEnforced");
    if (const Word* const name = arguments_.find({"Name"})) filter_.name = name->text;
    if (const Word* const text = arguments_.find({"Description"})) filter_.description = text->text;
    if (const Word* const key = arguments_.find({"FilterKey"})) {
      const std::optional<Uuid> uuid = read_uuid_text(key->text);
      if (!uuid) fail(*key, "filter key");
      filter_.key = uuid.value_or(Uuid{});
    }
  }

  void read_interface() {
    if (const Word* const operation = arguments_.find({"WellKnownOperation"})) {
      const NamedOperation* const known = dsinternals_operation(operation->text);
      if (known == nullptr) return fail(*operation, "operation that is known here");
      const Uuid interface = dsinternals_interface(known->interface_name).value_or(Uuid{});
      add(Field::if_uuid, UuidRange{interface, interface}, *operation);
      add(Field::opnum, NumberRange{known->opnum, known->opnum}, *operation);
    } else if (const Word* const name =
                   arguments_.find({"WellKnownProtocol", "WellKnownInterface", "InterfaceUUID",
                                    "RpcProtocol", "Protocol", "ProtocolUUID"})) {
      const std::optional<Uuid> interface = dsinternals_interface(name->text);
      if (!interface) return fail(*name, "interface that is known here");
      add(Field::if_uuid, UuidRange{*interface, *interface}, *name);
    }
  }

  bool read_level_match() {
    const Word* const match = arguments_.find({"AuthenticationLevelMatchType"});
    if (match == nullptr || filter_.conditions.empty()) return true;
    constexpr std::pair<std::string_view, MatchType> kNames[] = {
        {"Equals", MatchType::equal},
        {"LessThan", MatchType::less},
        {"GreaterThan", MatchType::greater},
        {"LessOrEquals", MatchType::less_or_equal},
        {"GreaterOrEquals", MatchType::greater_or_equal}};
    for (const auto& [name, type] : kNames) {
      if (!equal_ignoring_case(name, match->text)) continue;
      filter_.conditions.back().match = type;
      return true;
    }
    fail(*match, "way to compare levels that is known here");
    return false;
  }

  void add(Field field, ConditionData data, const Word& word) {
    Condition condition;
    condition.field = field;
    condition.match = MatchType::equal;
    condition.data = std::move(data);
    condition.text = word.text;
    condition.span = word.span();
    filter_.conditions.push_back(std::move(condition));
  }

  void add_number(Field field, const Word* word, std::uint64_t most) {
    if (word == nullptr) return;
    const std::optional<std::uint64_t> number = read_plain_number(word->text);
    if (!number || *number > most) return fail(*word, "number of the field");
    add(field, NumberRange{*number, *number}, *word);
  }

  template <typename Read>
  void add_named(Field field, const Word* word, Read read) {
    if (word == nullptr) return;
    const std::optional<std::uint64_t> number = read(word->text);
    if (!number) return fail(*word, "value of the field");
    add(field, NumberRange{*number, *number}, *word);
  }

  void add_text(Field field, const Word* word) {
    if (word != nullptr) add(field, TextRange{word->text, word->text}, *word);
  }

  void add_uuid(Field field, const Word* word) {
    if (word == nullptr) return;
    const std::optional<Uuid> uuid = read_uuid_text(word->text);
    if (!uuid) return fail(*word, "UUID");
    add(field, UuidRange{*uuid, *uuid}, *word);
  }

  void add_address(Field v4, Field v6, const Word* address, const Word* length) {
    if (address == nullptr) return;
    const std::string text = length != nullptr ? address->text + "/" + length->text : address->text;
    const std::optional<AddressRange> range = read_subnet(text);
    if (!range) return fail(*address, "address");
    add(range->low.is_v4() ? v4 : v6, *range, *address);
    Condition& condition = filter_.conditions.back();
    if (range->low != range->high) condition.match = MatchType::range;
    condition.in_network_order = range->low.is_v4();
  }

  // netsh has no word for `not equal`: such a condition stays, and is never known to hold.
  void add_descriptor() {
    const Word* const word = arguments_.find({"SecurityDescriptor", "SDDL", "Permissions", "DACL"});
    if (word == nullptr) return;
    SddlResult result = parse_sddl(word->text);
    if (!result.ok) return fail(*word, "security descriptor");
    add(Field::remote_user_token, std::move(result.descriptor), *word);
    if (!arguments_.has("SecurityDescriptorNegativeMatch")) return;
    filter_.conditions.back().unreadable = true;
    reporter_.warning("match-type-not-known", word->span(),
                      "a security descriptor that must not match is not judged",
                      "calls that depend on it are undecidable");
  }

  // A weight of 0 to 15 is a range, within which Windows weighs by the fields.
  void read_weight() {
    const Word* const word = arguments_.find({"Weight", "WeightRange"});
    if (word == nullptr) return;
    const std::optional<std::uint64_t> range = read_plain_number(word->text);
    if (!range || *range > kWeightRangeMax) return fail(*word, "range of weights");
    constexpr std::uint64_t kWithin = (std::uint64_t{1} << kWeightRangeShift) - 1;
    filter_.weight = (*range << kWeightRangeShift) | (filter_weight(filter_) & kWithin);
  }

  Reporter& reporter_;
  CmdletArguments arguments_;
  Filter filter_;
  bool failed_ = false;
};

}  // namespace

std::optional<Filter> read_new_rpc_filter(std::span<const Word> words, const SourceSpan& command,
                                          Reporter& reporter) {
  return FilterBuilder(words, command, reporter).build();
}

}  // namespace rpcaudit::policy
