/**
 * The functions of PostgreSQL that may be shared. What each of them has to be, in all its forms and in all
 * versions:
 *
 * - Immutable or stable, and without effects: none writes, locks, notifies, sends, reads files, or leaves anything
 *   in the session. Which of those a database has as volatile is seen there again.
 * - The same whichever connection runs it: none tells of the backend, of its transaction, or of settings, which
 *   need not be equal (application_name).
 * - It runs nothing that is named by a value: no query, no type, no function. So XML mapping, ts_stat(), the input
 *   and output functions of types, and what fills rows of a named type are not here.
 *
 * How long one takes, and how much it answers, depends on the values; that is for the rules about slow heads and
 * large answers. So generate_series() is here. repeat(), which makes a gigabyte of one row, is not.
 */
const GROUPS = {
  aggregates:
    "any_value array_agg avg bit_and bit_or bit_xor bool_and bool_or corr count covar_pop covar_samp every " +
    "json_agg json_object_agg jsonb_agg jsonb_object_agg max min mode percentile_cont percentile_disc range_agg " +
    "range_intersect_agg regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy " +
    "regr_syy stddev stddev_pop stddev_samp string_agg sum var_pop var_samp variance",
  windows:
    "cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number",
  numbers:
    "abs acos acosd acosh asin asind asinh atan atan2 atan2d atand atanh cbrt ceil ceiling cos cosd cosh cot cotd " +
    "degrees div erf erfc exp factorial floor gcd lcm ln log log10 min_scale mod pi pow power radians round scale " +
    "sign sin sind sinh sqrt tan tand tanh trim_scale trunc width_bucket",
  texts:
    "ascii bit_length btrim char_length character_length chr concat concat_ws decode encode format initcap left " +
    "length like_escape lower lpad ltrim md5 normalize octet_length overlay parse_ident position quote_ident " +
    "quote_literal regexp_count regexp_instr regexp_like regexp_match regexp_matches regexp_replace " +
    "regexp_split_to_array regexp_split_to_table regexp_substr replace reverse right rpad rtrim sha224 sha256 " +
    "sha384 sha512 similar_to_escape split_part starts_with string_to_array string_to_table strpos substr " +
    "substring to_ascii to_hex translate unistr upper is_normalized",
  binary: "bit_count get_bit get_byte set_bit set_byte",
  times:
    "age date_add date_bin date_part date_subtract date_trunc extract isfinite justify_days justify_hours " +
    "justify_interval make_date make_interval make_time make_timestamp make_timestamptz now overlaps " +
    "statement_timestamp timezone to_char to_date to_number to_timestamp transaction_timestamp",
  arrays:
    "array_append array_cat array_dims array_fill array_length array_lower array_ndims array_position " +
    "array_positions array_prepend array_remove array_replace array_reverse array_sort array_to_string array_upper " +
    "cardinality trim_array unnest",
  ranges:
    "daterange int4range int8range isempty lower_inc lower_inf multirange numrange range_merge tsrange tstzrange " +
    "upper_inc upper_inf",
  json:
    "array_to_json json_array_elements json_array_elements_text json_array_length json_build_array " +
    "json_build_object json_each json_each_text json_extract_path json_extract_path_text json_object " +
    "json_object_keys json_strip_nulls json_typeof jsonb_array_elements jsonb_array_elements_text " +
    "jsonb_array_length jsonb_build_array jsonb_build_object jsonb_each jsonb_each_text jsonb_extract_path " +
    "jsonb_extract_path_text jsonb_insert jsonb_object jsonb_object_keys jsonb_path_exists jsonb_path_exists_tz " +
    "jsonb_path_match jsonb_path_match_tz jsonb_path_query jsonb_path_query_array jsonb_path_query_array_tz " +
    "jsonb_path_query_first jsonb_path_query_first_tz jsonb_path_query_tz jsonb_pretty jsonb_set jsonb_set_lax " +
    "jsonb_strip_nulls jsonb_typeof row_to_json to_json to_jsonb",
  search:
    "numnode phraseto_tsquery plainto_tsquery querytree setweight strip to_tsquery to_tsvector ts_delete ts_filter " +
    "ts_headline ts_rank ts_rank_cd tsquery_phrase tsvector_to_array websearch_to_tsquery",
  networks:
    "abbrev broadcast family host hostmask inet_merge inet_same_family masklen netmask network set_masklen",
  shapes:
    "area bound_box box center circle diagonal diameter height isclosed isopen line lseg npoints path pclose point " +
    "polygon popen radius slope width",
  casts:
    "bool bpchar date float4 float8 int2 int4 int8 interval numeric text time timestamp timestamptz varchar",
  others:
    "generate_series generate_subscripts num_nonnulls num_nulls pg_typeof uuid_extract_timestamp uuid_extract_version",
} as const;

export const REVIEWED_FUNCTIONS: ReadonlySet<string> = new Set(
  Object.values(GROUPS).flatMap((names) => names.split(" ")),
);
