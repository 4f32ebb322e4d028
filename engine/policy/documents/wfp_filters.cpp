#include "engine/policy/documents/wfp_filters.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "engine/policy/condition_data.h"
#include "engine/policy/listings/filter_collector.h"
#include "engine/policy/listings/show_filter_names.h"
#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

constexpr std::pair<std::string_view, Layer> kWfpLayers[] = {
    {"FWPM_LAYER_RPC_UM", Layer::um},
    {"FWPM_LAYER_RPC_EPMAP", Layer::epmap},
    {"FWPM_LAYER_RPC_EP_ADD", Layer::ep_add},
    {"FWPM_LAYER_RPC_PROXY_CONN", Layer::proxy_conn},
    {"FWPM_LAYER_RPC_PROXY_IF", Layer::proxy_if},
};

// Filtering Condition Identifiers: the name of the platform, and that of netsh.
constexpr std::pair<std::string_view, Field> kConditionFields[] = {
    {"FWPM_CONDITION_REMOTE_USER_TOKEN", Field::remote_user_token},
    {"FWPM_CONDITION_RPC_IF_UUID", Field::if_uuid},
    {"FWPM_CONDITION_RPC_IF_VERSION", Field::if_version},
    {"FWPM_CONDITION_RPC_IF_FLAG", Field::if_flag},
    {"FWPM_CONDITION_DCOM_APP_ID", Field::dcom_app_id},
    {"FWPM_CONDITION_IMAGE_NAME", Field::image_name},
    {"FWPM_CONDITION_RPC_PROTOCOL", Field::protocol},
    {"FWPM_CONDITION_RPC_AUTH_TYPE", Field::auth_type},
    {"FWPM_CONDITION_RPC_AUTH_LEVEL", Field::auth_level},
    {"FWPM_CONDITION_SEC_ENCRYPT_ALGORITHM", Field::sec_encrypt_alg},
    {"FWPM_CONDITION_SEC_KEY_SIZE", Field::sec_key_size},
    {"FWPM_CONDITION_IP_LOCAL_ADDRESS_V4", Field::local_addr_v4},
    {"FWPM_CONDITION_IP_LOCAL_ADDRESS_V6", Field::local_addr_v6},
    {"FWPM_CONDITION_IP_LOCAL_PORT", Field::local_port},
    {"FWPM_CONDITION_PIPE", Field::pipe},
    {"FWPM_CONDITION_IP_REMOTE_ADDRESS_V4", Field::remote_addr_v4},
    {"FWPM_CONDITION_IP_REMOTE_ADDRESS_V6", Field::remote_addr_v6},
    {"FWPM_CONDITION_RPC_OPNUM", Field::opnum},
};

template <typename Value, std::size_t n>
std::optional<Value> find_in_table(const std::pair<std::string_view, Value> (&names)[n],
                                   std::string_view text) noexcept {
  for (const auto& [name, value] : names) {
    if (name == text) return value;
  }
  return std::nullopt;
}

class WfpReader {
 public:
  WfpReader(const XmlDocument& document, std::uint32_t file, Policy& policy, Reporter& reporter)
      : document_(document), reporter_(reporter), collector_(policy, file, reporter) {}

  void read_item(const pugi::xml_node& item) {
    const pugi::xml_node layer_node = child_named(item, "layerKey");
    if (!layer_node) return;  // of another list: a condition, a flag
    const std::optional<Layer> layer = find_in_table(kWfpLayers, layer_node.text().get());
    if (!layer) {
      ++others_;
      return;
    }
    Filter filter;
    filter.layer = *layer;
    filter.by_api = true;
    filter.span = document_.span_of(item);
    filter.key = read_uuid_text(child_text(item, "filterKey")).value_or(Uuid{});
    const pugi::xml_node names = child_named(item, "displayData");
    filter.name = child_text(names, "name");
    filter.description = child_text(names, "description");
    filter.id = read_plain_number(child_text(item, "filterId")).value_or(0);
    filter.weight = read_plain_number(child_text(child_named(item, "effectiveWeight"), "uint64"));
    filter.audit = child_text(item, "subLayerKey") == "FWPM_SUBLAYER_RPC_AUDIT";
    if (!read_action(item, filter) || !read_flags(item, filter)) return;
    for (const pugi::xml_node condition : child_named(item, "filterCondition").children()) {
      read_condition(condition, filter);
    }
    collector_.add(std::move(filter));
  }

  void finish(const SourceSpan& whole_file) {
    collector_.finish_listing();
    if (others_ == 0) return;
    reporter_.note("other-layers", whole_file,
                   std::to_string(others_) + " filters of other layers are left out");
  }

 private:
  bool read_action(const pugi::xml_node& item, Filter& filter) {
    const std::string type = child_text(child_named(item, "action"), "type");
    constexpr std::pair<std::string_view, Action> kActions[] = {
        {"FWP_ACTION_BLOCK", Action::block},
        {"FWP_ACTION_PERMIT", Action::permit},
        {"FWP_ACTION_CONTINUE", Action::continue_}};
    const std::optional<Action> action = find_in_table(kActions, type);
    if (!action) {
      reporter_.warning("unknown-action", filter.span,
                        "the filter's action is " + quoted(type) + ", and it is left out",
                        "a callout decides there, which is not known here");
      return false;
    }
    filter.action = *action;
    return true;
  }

  // False: the filter is not in force.
  bool read_flags(const pugi::xml_node& item, Filter& filter) {
    filter.persistent = false;
    bool is_disabled = false;
    for (const pugi::xml_node flag : child_named(item, "flags").children()) {
      const std::string_view name = flag.text().get();
      if (name == "FWPM_FILTER_FLAG_PERSISTENT") filter.persistent = true;
      if (name == "FWPM_FILTER_FLAG_DISABLED") is_disabled = true;
      if (name != "FWPM_FILTER_FLAG_CLEAR_ACTION_RIGHT") continue;
      reporter_.warning("hard-decision", filter.span,
                        "no filter of another sublayer can overrule this one",
                        "a block of another sublayer is judged here as if it could");
    }
    if (is_disabled) {
      reporter_.warning("filter-disabled", filter.span,
                        "the filter is disabled on its system, and is left out");
    }
    return !is_disabled;
  }

  void read_condition(const pugi::xml_node& node, Filter& filter) {
    const std::string name = child_text(node, "fieldKey");
    const SourceSpan span = document_.span_of(node);
    const std::optional<Field> field = find_in_table(kConditionFields, name);
    const bool is_legal = field && legal_on(*field, filter.layer);
    if (!is_legal) {
      reporter_.warning("value-not-listed", span,
                        "the condition on " + quoted(name) + " is not known here",
                        "calls that the filter may match are undecidable");
      // Some condition that is never known to hold stands in its place.
      filter.conditions.push_back(unreadable_condition(Field::if_uuid, name, span));
      filter.conditions.back().match = MatchType::equal;
      return;
    }
    const pugi::xml_node data = child_named(node, "conditionValue");
    Condition condition = unreadable_condition(*field, value_text(data), span);
    const std::string match = child_text(node, "matchType");
    const auto known = std::find(kListedMatchTypes.begin(), kListedMatchTypes.end(), match);
    condition.match = known == kListedMatchTypes.end()
                          ? MatchType::equal
                          : static_cast<MatchType>(known - kListedMatchTypes.begin());
    std::optional<ConditionData> read = read_value(*field, condition.text);
    const bool is_whole = read && known != kListedMatchTypes.end() &&
                          legal_for(condition.match, info(*field).type) &&
                          condition.match != MatchType::range;
    if (is_whole) {
      condition.data = std::move(*read);
      condition.unreadable = false;
      condition.in_network_order = info(*field).type == FieldType::address_v4;
    } else {
      reporter_.warning("value-not-listed", span,
                        "the value of " + quoted(to_string(*field)) + " cannot be read",
                        "calls that depend on it are undecidable");
    }
    filter.conditions.push_back(std::move(condition));
  }

  // What stands in the element that is named for the type.
  static std::string value_text(const pugi::xml_node& data) {
    for (const pugi::xml_node child : data.children()) {
      if (local_name(child) == "type") continue;
      if (local_name(child) == "byteBlob") return child_text(child, "asString");
      if (local_name(child) == "sd") return child.text().get();
      return child.text().get();
    }
    return {};
  }

  static std::optional<ConditionData> read_value(Field field, const std::string& text) {
    switch (info(field).type) {
      case FieldType::uuid: {
        const std::optional<Uuid> uuid = read_uuid_text(text);
        if (!uuid) return std::nullopt;
        return UuidRange{*uuid, *uuid};
      }
      case FieldType::address_v4:
      case FieldType::address_v6: {
        const std::optional<IpAddress> address = parse_ip(text);
        if (!address) return std::nullopt;
        return AddressRange{*address, *address};
      }
      case FieldType::security_descriptor: {
        SddlResult result = parse_sddl(text);
        if (!result.ok) return std::nullopt;
        return ConditionData(std::move(result.descriptor));
      }
      case FieldType::blob:
        // Texts are written with a dot for each zero of their UTF-16 at times.
        if (text.empty() || text.find("..") != std::string::npos) return std::nullopt;
        return TextRange{text, text};
      default: break;
    }
    const std::optional<std::uint64_t> number = read_plain_number(text);
    if (!number) return std::nullopt;
    return NumberRange{*number, *number};
  }

  const XmlDocument& document_;
  Reporter& reporter_;
  FilterCollector collector_;
  std::size_t others_ = 0;
};

}  // namespace

void read_wfp_filters(const XmlDocument& document, std::uint32_t file, Policy& policy,
                      Reporter& reporter) {
  WfpReader reader(document, file, policy, reporter);
  const auto read = [&reader](const pugi::xml_node& item) { reader.read_item(item); };
  for_each_named(document.root(), "item", read);
  reader.finish({file, 0, 0, 0});
}

}  // namespace rpcaudit::policy
