// What a dashboard file may say, in the types that Grafana publishes of its dashboard model and of its panels.
import type * as grafana from '@grafana/schema/dist/esm/raw/dashboard/x/dashboard_types.gen.d.ts';
import type * as stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen.d.ts';
import type * as table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen.d.ts';
import type * as timeline from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen.d.ts';
import type * as timeseries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen.d.ts';

// A type as JSON has it: the words and numbers of enumerations.
type Json<T> = T extends string ? `${T}` : T extends number ? number : T extends object ? { [K in keyof T]: Json<T[K]> } : T;

// Queries belong to the data source; these are the fields of Prometheus's that are used.
interface Query {
  refId: string;
  datasource: grafana.DataSourceRef;
  expr: string;
  legendFormat: string;
  editorMode: 'code';
  format: 'time_series' | 'table';
  instant: boolean;
  range: boolean;
}

type Panel<Type, Options, Custom> = Omit<Json<grafana.Panel>, 'type' | 'options' | 'fieldConfig' | 'targets'> & {
  type: Type;
  options: Partial<Json<Options>>;
  fieldConfig: {
    defaults: Omit<Json<grafana.FieldConfig>, 'custom'> & { custom: Partial<Json<Custom>> };
    overrides: Json<grafana.FieldConfigSource['overrides']>;
  };
  targets: Query[];
};

type AnyPanel =
  | Json<grafana.RowPanel>
  | Panel<'stat', stat.Options, Record<string, never>>
  | Panel<'table', table.Options, table.FieldConfig>
  | Panel<'state-timeline', timeline.Options, timeline.FieldConfig>
  | Panel<'timeseries', timeseries.Options, timeseries.FieldConfig>;

type Variable = Json<grafana.VariableModel> & { definition?: string };
type Annotation = Json<grafana.AnnotationQuery> & {
  expr: string;
  titleFormat: string;
  textFormat: string;
  step: string;
  useValueForTime: boolean;
};

export type Dashboard = Omit<Json<grafana.Dashboard>, 'panels' | 'templating' | 'annotations'> & {
  panels: AnyPanel[];
  templating: { list: Variable[] };
  annotations: { list: Annotation[] };
};
