#include "engine/policy/netsh/netsh_help.h"

#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

constexpr std::string_view kNotFound = "The following command was not found";
constexpr std::string_view kSyntax =
    "The syntax supplied for this command is not valid. Check help for the correct syntax.";
constexpr std::string_view kMissing =
    "One or more essential parameters were not entered.\n"
    "Verify the required parameters, and reenter them.\n"
    "The syntax supplied for this command is not valid. Check help for the correct syntax.";

struct Refusal {
  std::string_view code;
  std::string_view text;
};

// The messages of netsh's own frame, and those of the filtering platform (FWP_E_FILTER_NOT_FOUND,
// FWP_E_ALREADY_EXISTS). What netsh says without a rule is not known.
constexpr Refusal kRefusals[] = {
    {"unknown-command", kNotFound},
    {"ambiguous-abbreviation", kNotFound},
    {"missing-argument", kMissing},
    {"missing-value", kMissing},
    {"unknown-tag", kSyntax},
    {"repeated-tag", kSyntax},
    {"unexpected-argument", kSyntax},
    {"filter-not-found", "The filter does not exist."},
    {"key-exists", "An object with that GUID or LUID already exists."},
    {"no-rule", ""},
    {"no-rule-to-delete", ""},
};

constexpr std::string_view kAddConditionHelp =
    "Usage: add condition [field=]NAME [matchtype=]NAME [data=]VALUE\n"
    "\n"
    "Match types: equal greater less greater_or_equal less_or_equal range all_set\n"
    "any_set none_set. Adjacent conditions on one field are alternatives; all others\n"
    "must hold together.\n"
    "\n"
    "Fields of um:  if_uuid if_version if_flag dcom_app_id image_name protocol\n"
    "  auth_type auth_level sec_encrypt_alg sec_key_size remote_user_token\n"
    "  local_addr_v4 local_addr_v6 remote_addr_v4 remote_addr_v6 local_port pipe\n"
    "  opnum\n"
    "of epmap:      those of um but if_flag dcom_app_id image_name opnum; if_uuid\n"
    "  first, if_version second\n"
    "of ep_add:     process_with_if_uuid first, protocol second, ep_value ep_flags\n"
    "of proxy_conn: server_name server_port proxy_auth_type client_token\n"
    "  client_cert_key_length client_cert_oid\n"
    "of proxy_if:   if_uuid first, if_version, and those of proxy_conn\n";

}  // namespace

std::string_view netsh_help(NetshTopic topic) noexcept {
  switch (topic) {
    case NetshTopic::root:
      return "rpc             - Enters the context of RPC.\n"
             "pushd, popd     - Keep the context, and go back to it.\n"
             "bye, exit, quit - End the session.\n";
    case NetshTopic::rpc:
      return "filter          - Enters the context of RPC filters.\n"
             "..              - Goes up one context.\n"
             "add, delete, dump, reset, show\n"
             "                - Are about selective binding of RPC servers to subnets, which is\n"
             "                  not supported here.\n";
    case NetshTopic::filter:
      return "add rule        - Opens a rule: a layer and an action.\n"
             "add condition   - Adds a condition to the open rule.\n"
             "add filter      - Makes a filter of the open rule.\n"
             "delete rule     - Drops the open rule.\n"
             "delete filter   - Deletes one filter, or all of them.\n"
             "show filter     - Lists the filters.\n"
             "dump            - Prints the filters as a script.\n";
    case NetshTopic::add:
      return "add rule        - Opens a rule: a layer and an action.\n"
             "add condition   - Adds a condition to the open rule.\n"
             "add filter      - Makes a filter of the open rule.\n";
    case NetshTopic::add_rule:
      return "Usage: add rule [layer=]um|epmap|ep_add|proxy_conn|proxy_if\n"
             "                [actiontype=]block|permit|continue\n"
             "                [[filterkey=]UUID] [[persistence=]volatile]\n"
             "                [[audit=]enable] [[auditparameters=]enable]\n"
             "\n"
             "Opens the rule that `add condition` adds to and `add filter` makes a filter of.\n"
             "Filters persist unless they are volatile, and get a key when none is given.\n"
             "Layer ep_add cannot be audited; auditparameters needs layer um and audit.\n";
    case NetshTopic::add_condition: return kAddConditionHelp;
    case NetshTopic::add_filter:
      return "Usage: add filter\n"
             "\n"
             "Makes a filter of the open rule and its conditions; it applies at once.\n";
    case NetshTopic::remove:
      return "delete rule     - Drops the open rule.\n"
             "delete filter   - Deletes one filter, or all of them.\n";
    case NetshTopic::delete_rule:
      return "Usage: delete rule\n"
             "\n"
             "Drops the open rule with its conditions. Filters stay.\n";
    case NetshTopic::delete_filter:
      return "Usage: delete filter [filterkey=]all|UUID\n"
             "\n"
             "Deletes the filter of that key, or all filters.\n";
    case NetshTopic::show: return "show filter     - Lists the filters.\n";
    case NetshTopic::show_filter:
      return "Usage: show filter\n"
             "\n"
             "Lists the filters. UUIDs are printed as four little-endian words.\n";
  }
  return {};
}

std::string netsh_refusal(std::string_view code, std::span<const Word> words) {
  std::string text = "The parameter is incorrect.";
  for (const Refusal& row : kRefusals) {
    if (row.code == code) text = row.text;
  }
  if (text.empty()) return text;
  if (text == kNotFound) {
    text += ':';
    for (const Word& word : words) text.append(" ").append(printable(word.text));
    text += '.';
  }
  return text + "\n\n";
}

}  // namespace rpcaudit::policy
