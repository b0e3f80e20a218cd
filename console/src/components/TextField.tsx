import type { ReactNode } from 'react';
import {
  FieldError,
  Input,
  Label,
  Text,
  TextArea,
  TextField as AriaTextField,
  type TextFieldProps as AriaTextFieldProps,
} from 'react-aria-components';

export interface TextFieldProps extends Omit<AriaTextFieldProps, 'className' | 'style' | 'children'> {
  readonly label: string;
  readonly description?: ReactNode;
  /** What is wrong with the value; shown under it and read with it. */
  readonly error?: string | undefined;
  /** More than one line, of so many rows at first. */
  readonly rows?: number;
  readonly placeholder?: string;
  readonly monospaced?: boolean;
}

/** A labelled text, of one line or (with `rows`) of several. */
export function TextField(props: TextFieldProps): ReactNode {
  const { label, description, error, rows, placeholder, monospaced, ...field } = props;
  const className = monospaced ? 'field-input mono' : 'field-input';
  return (
    <AriaTextField
      {...field}
      {...(error !== undefined && { isInvalid: true })}
      validationBehavior="aria"
      className="field"
    >
      <Label className="field-label">{label}</Label>
      {rows === undefined ? (
        <Input className={className} placeholder={placeholder} />
      ) : (
        <TextArea className={className} rows={rows} placeholder={placeholder} />
      )}
      {description !== undefined && (
        <Text slot="description" className="field-description">
          {description}
        </Text>
      )}
      <FieldError className="field-error">{error}</FieldError>
    </AriaTextField>
  );
}
